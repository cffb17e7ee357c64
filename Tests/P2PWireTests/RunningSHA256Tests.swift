import NIOCore
import Testing

@testable import P2PWire

@Suite struct RunningSHA256Tests {
    @Test(arguments: [0, 1, 63, 64, 1000]) func `pieces have the digest of the whole`(split: Int) {
        let whole = ByteBuffer(bytes: (0..<1000).map { UInt8(truncatingIfNeeded: $0) })
        var digest = RunningSHA256()
        for piece in [whole.getSlice(at: 0, length: split), whole.getSlice(at: split, length: 1000 - split)] {
            if let piece { digest.update(piece) }
        }
        #expect(digest.finish() == SHA256.digest(whole.readableBytesView))
    }
}
