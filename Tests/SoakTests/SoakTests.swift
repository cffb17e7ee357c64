import Foundation
import Testing

/// The network under load for as long as one likes: `KWAAI_SOAK_SECONDS=600 swift test … --filter SoakTests`.
///
/// One after another: a process that starts while another one does inherits the pipe that the other reads to its end.
@Suite(.serialized) struct SoakTests {
    @Test(.timeLimit(.minutes(60)))
    func `200 streams at a time arrive whole and leave memory and descriptors as they were`() async throws {
        // A process of its own: other tests open descriptors, too.
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let seconds = ProcessInfo.processInfo.environment["KWAAI_SOAK_SECONDS"].flatMap(Int.init) ?? 15
            do {
                try await Soak(duration: .seconds(seconds)).run()
                report("sound")
            } catch {
                report("\(error)")
            }
        }
        let lines = try #require(result).standardErrorContent.split(separator: UInt8(ascii: "\n"))
            .map { String(decoding: $0, as: UTF8.self) }
        print(lines.joined(separator: "\n"))
        #expect(lines.last == "sound", "\(lines.joined(separator: "\n"))")
    }
}
