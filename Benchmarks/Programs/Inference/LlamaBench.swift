import Foundation

/// llama.cpp's own benchmark, run as a process between our own readings.
struct LlamaBench {
    let path: String
    let model: String

    /// Tokens per second: of a prompt where `generated` is 0, else of a generation behind `context` tokens.
    func rate(prompt: Int = 0, generated: Int = 0, context: Int = 0, threads: Int) throws -> Double {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: self.path)
        process.arguments = [
            "-m", self.model, "-t", "\(threads)", "-p", "\(prompt)", "-n", "\(generated)", "-d", "\(context)",
            "-r", "1", "-o", "json",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let json = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure("\(self.path) failed on \(self.model); run it by hand to see why.")
        }
        struct Test: Decodable { var avg_ts: Double }
        guard let test = try JSONDecoder().decode([Test].self, from: json).first else {
            throw Failure("\(self.path) printed no result for \(self.model).")
        }
        return test.avg_ts
    }
}
