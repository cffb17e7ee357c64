import Testing

/// `generate --speculate` over whole processes: the text is the same, and right guesses save steps.
@Suite(.timeLimit(.minutes(2))) struct SpeculateTests {
    private struct Report: Decodable {
        struct Hop: Decodable { var steps: Int }

        var token_ids: [UInt32]
        var text: String
        var guessed_tokens: Int
        var right_guesses: Int
        var hops: [Hop]
    }

    /// A text that repeats itself, so that there is something to guess.
    private static let generate = [
        "generate", "Lily had a red ball. Lily had a red ball. Lily had a red", "--ignore-eos", "--max-tokens", "60",
    ]

    @Test(arguments: [["--temperature", "0"], ["--temperature", "0.9", "--seed", "11"]])
    func `guesses change no token, and each that is right saves a step`(sampling: [String]) async throws {
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let arguments = Self.generate + sampling + ["--bootstrap", peers[0].address]
            var reports: [String: Report] = [:]
            for choice in ["off", "auto", "1", "4", "8"] {
                let outcome = try await Program.run(arguments + ["--json", "--speculate", choice], home: home)
                #expect(outcome.exitCode == 0, "\(outcome.error)")
                reports[choice] = try outcome.json()
            }
            let plain = try #require(reports["off"])
            #expect(plain.guessed_tokens == 0)
            #expect(plain.hops.map(\.steps) == [60, 60])
            for (choice, report) in reports where choice != "off" {
                #expect(report.token_ids == plain.token_ids, "\(choice)")
                #expect(report.text == plain.text, "\(choice)")
                let steps = 60 - report.right_guesses
                #expect(report.hops.map(\.steps) == [steps, steps], "\(choice)")
                // It depends on the way to the peers whether those that cost nothing are worth it.
                guard choice != "auto" else { continue }
                #expect(report.right_guesses > 0 && report.right_guesses <= report.guessed_tokens, "\(choice)")
            }
        }
    }

    @Test func `--stats tells how many guesses were right`() async throws {
        let home = try Home()
        try await withPeers(["0..12", "12..24"], home: home) { peers in
            let arguments = Self.generate + ["--temperature", "0", "--stats", "--bootstrap", peers[0].address]
            let plain = try await Program.run(arguments + ["--speculate", "off"], home: home)
            let guessed = try await Program.run(arguments + ["--speculate", "4"], home: home)
            #expect(guessed.output == plain.output)
            #expect(!plain.error.contains("guessed tokens"))
            let line = guessed.error.firstMatch(of: /([0-9]+) of ([0-9]+) guessed tokens were right/)
            let (right, all) = (Int(try #require(line).1) ?? 0, Int(try #require(line).2) ?? 0)
            #expect(right > 0 && right <= all, "\(guessed.error)")
        }
    }
}
