package import Tokenizer

/// Turns drawn tokens into text that can be shown: whole characters, and never a part of a stop string.
package struct TextStream {
    private var decoder: StreamingDecoder
    private var matcher: StopMatcher
    /// The generated text so far.
    package private(set) var text = ""
    /// The prompt as its tokens read, which the generated text continues.
    package let promptText: String

    /// - Parameter prompt: decoded first, because what a token adds depends on what stands before it: a SentencePiece
    ///   vocabulary, for one, drops the space of the first word only.
    package init(tokenizer: Tokenizer, prompt: [UInt32], stopStrings: [String]) {
        self.decoder = tokenizer.streamingDecoder()
        self.matcher = StopMatcher(stops: stopStrings)
        var promptText = ""
        for token in prompt { promptText += self.decoder.append(token) }
        self.promptText = promptText
    }

    package mutating func append(_ token: UInt32) -> StopMatcher.Output {
        let output = self.matcher.append(self.decoder.append(token))
        self.text += output.text
        return output
    }

    /// What was held back, when the generation ended otherwise than by a stop string.
    package mutating func finish() -> String {
        let last = self.matcher.append(self.decoder.finish())
        let rest = last.stopped ? last.text : last.text + self.matcher.finish()
        self.text += rest
        return rest
    }
}
