import Foundation
import NIOCore
import WireFuzzing

#if FUZZING
    import CLibFuzzer
#endif

/// Feeds one reader of what peers send, which `FUZZ_TARGET` names: with libFuzzer's inputs when built by `scripts/fuzz`,
/// else with the files it is given. An argument would not do: libFuzzer starts its program again with its own.
@main struct FuzzWire {
    static func main() throws {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"]
        guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
            return
        }
        #if FUZZING
            Self.fuzz(target)
        #else
            for path in CommandLine.arguments.dropFirst() {
                print(path)
                Self.feed(ByteBuffer(bytes: try Data(contentsOf: URL(filePath: path))), to: target)
            }
        #endif
    }

    /// Ends the process where the target finds a promise broken: that is how a fuzzer hears of it.
    private static func feed(_ input: ByteBuffer, to target: FuzzTarget) {
        do { try target.run(input) } catch { fatalError("\(target): \(error)") }
    }
}

#if FUZZING
    extension FuzzWire {
        /// What libFuzzer's callback, a C function without a context, feeds.
        nonisolated(unsafe) private static var target: FuzzTarget?

        private static func fuzz(_ target: FuzzTarget) {
            Self.target = target
            var count = CommandLine.argc
            var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
            _ = LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
                guard let target = FuzzWire.target else { return -1 }
                FuzzWire.feed(ByteBuffer(bytes: UnsafeRawBufferPointer(start: bytes, count: count)), to: target)
                return 0
            }
        }
    }
#endif
