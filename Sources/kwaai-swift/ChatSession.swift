import Coordinator
import Foundation
import Tokenizer

/// A conversation with a person: reads lines, keeps the transcript, shows the answers.
struct ChatSession: Sendable {
    struct Output: Sendable {
        var json: Bool
        var stats: Bool
    }

    let template: ChatTemplate
    let tokenizer: Tokenizer
    let options: GenerationOptions
    let system: String?
    let output: Output
    let interruption: AnswerInterruption

    /// Runs until the input ends or the person has had enough.
    ///
    /// - Throws: what a turn throws, unless a person is there to try another.
    func run(_ conversation: Conversation) async throws {
        let input = LineInput(prompt: "> ")
        if input.isInteractive {
            Terminal.say("Ctrl-C stops an answer, Ctrl-D ends the conversation, /help says more.")
        }
        var transcript = Transcript(system: self.system)
        while let line = await input.next() {
            try Task.checkCancellation()
            switch ChatLine(line) {
            case .nothing: continue
            case .quit: return
            case .help: Terminal.say(ChatLine.helpText)
            case .unknown(let name): Terminal.say("\(name) means nothing here.\n\(ChatLine.helpText)")
            case .clear: transcript = Transcript(system: transcript.system)
            case .system(let text): transcript = Transcript(system: text)
            case .turn(let text):
                do {
                    try await self.answer(text, &transcript, conversation)
                } catch let error where input.isInteractive && !(error is CancellationError) && !(error is OutputError)
                {
                    Terminal.complain("\(error)")
                }
            }
        }
    }

    /// Takes one turn. Where it fails or nothing is said, the transcript stays as it was.
    private func answer(_ text: String, _ transcript: inout Transcript, _ conversation: Conversation) async throws {
        var turn = transcript
        turn.messages.append(ChatMessage(role: "user", content: text))
        let rendered = try self.template.render(turn.messages)
        let prompt = try self.tokenizer.encode(rendered, addSpecialTokens: false)
        let output = GenerationOutput(json: self.output.json, stats: self.output.stats, showsPrompt: false)
        self.interruption.answerBegins()
        defer { self.interruption.answerEnds() }
        do {
            let generation = try await conversation.answer(
                prompt,
                options: self.options,
                isInterrupted: { self.interruption.isStopped },
                report: { try await output.show($0) }
            )
            try await output.finish(generation)
            guard !generation.text.isEmpty else { return }
            turn.messages.append(ChatMessage(role: "assistant", content: generation.text))
            transcript = turn
        } catch {
            await output.abandon()
            throw error
        }
    }

    /// What has been said.
    private struct Transcript {
        let system: String?
        var messages: [ChatMessage]

        init(system: String?) {
            self.system = system
            self.messages = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
        }
    }
}

/// What a line of the input asks for.
enum ChatLine: Equatable {
    case turn(String)
    case nothing
    case help
    case clear
    case quit
    case system(String)
    case unknown(String)

    static let helpText = """
        /system TEXT  begin anew, and tell the model this first
        /clear        begin anew
        /quit         end the conversation
        """

    init(_ line: String) {
        let text = line.trimmingCharacters(in: .whitespaces)
        guard text.hasPrefix("/") else {
            self = text.isEmpty ? .nothing : .turn(line)
            return
        }
        let parts = text.split(separator: " ", maxSplits: 1)
        switch parts[0] {
        case "/help": self = .help
        case "/clear": self = .clear
        case "/quit", "/exit": self = .quit
        case "/system" where parts.count == 2: self = .system(String(parts[1]))
        case let name: self = .unknown(String(name))
        }
    }
}
