import CMachine
import Foundation

/// Measures decode and prefill of whole models beside what the machine can do and, where it is there, llama.cpp.
@main struct Inference {
    static func main() throws {
        do {
            let options = try Options(
                CommandLine.arguments.dropFirst(),
                environment: ProcessInfo.processInfo.environment
            )
            var results = Results()
            for threads in options.threads {
                results.operationRates[threads] = median((0..<options.rounds).map { _ in machine_flop_rate(threads) })
                results.products += F32Product.all.map { $0.measure(threads: threads, rounds: options.rounds) }
            }
            for subject in options.subjects {
                for threads in options.threads {
                    results.subjects.append(try self.measure(subject, threads: threads, options))
                    progress("\(subject.name), \(threads) threads: done")
                }
            }
            if options.printsJSON { try results.printAsJSON() } else { results.printAsTables() }
        } catch let failure as Failure {
            progress("\(failure)")
            exit(2)
        }
    }

    /// Readings of every kind take turns, so that what else the machine does meets all of them.
    private static func measure(_ options: Options.Subject, threads: Int, _ all: Options) throws -> Result {
        let subject = try Subject(options, threads: threads)
        let context = try all.context.map { try subject.context($0) }
        let llama = all.llamaBench.flatMap { path in
            options.reference.map { LlamaBench(path: path, model: $0) }
        }
        var readings = Readings()
        for round in 0..<all.rounds {
            readings.add("read", subject.readRate(threads: threads))
            readings.add("decode", try subject.decode())
            readings.add("prefill", try subject.prefill())
            if let batch = all.batch { readings.add("batch", try subject.decode(batch: batch)) }
            if let context { readings.add("context", try subject.decode(behind: context)) }
            // It loads its model anew each time: three times are enough.
            guard let llama, round % max(all.rounds / 3, 1) == 0 else { continue }
            readings.add("llama decode", try llama.rate(generated: Subject.decodeTokens, threads: threads))
            readings.add("llama prefill", try llama.rate(prompt: Subject.prefillTokens, threads: threads))
            guard let tokens = all.context, round == 0 else { continue }
            readings.add("llama context", try llama.rate(generated: 32, context: tokens, threads: threads))
        }
        return readings.result(of: subject, name: options.name, threads: threads)
    }
}

/// Readings by kind.
private struct Readings {
    private var values: [String: [Double]] = [:]

    mutating func add(_ kind: String, _ value: Double) { self.values[kind, default: []].append(value) }

    func typical(_ kind: String) -> Double? { self.values[kind].map(median) }

    func result(of subject: Subject, name: String, threads: Int) -> Result {
        var result = Result(
            subject: name,
            threads: threads,
            readRate: self.typical("read") ?? 0,
            weightBytes: subject.weightBytes,
            decode: self.typical("decode") ?? 0,
            prefill: self.typical("prefill") ?? 0,
            prefillOperations: subject.prefillOperations,
            context: self.typical("context"),
            batch: self.typical("batch")
        )
        if let decode = self.typical("llama decode"), let prefill = self.typical("llama prefill") {
            result.reference = .init(decode: decode, prefill: prefill, context: self.typical("llama context"))
        }
        return result
    }
}

/// A line on stderr.
func progress(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}
