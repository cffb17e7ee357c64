internal import StrictJSON

/// A text on its way to the model: bytes, and the pieces that no merge may cross.
struct PreTokenizedText {
    private(set) var bytes: [UInt8]
    private(set) var pieces: [Range<Int>]
    /// Whether the text begins where the whole input begins, and not after an added token.
    let startsInput: Bool
    /// What the text may grow to: see `Limits.grownBytes`.
    private let limit: Int

    init(_ bytes: [UInt8], startsInput: Bool) {
        self.bytes = bytes
        self.pieces = bytes.isEmpty ? [] : [0..<bytes.count]
        self.startsInput = startsInput
        self.limit = Limits.grownBytes(bytes.count)
    }

    /// Cuts every piece at the matches that `find` reports in it.
    mutating func split(
        _ behavior: SplitBehavior,
        invert: Bool = false,
        _ find: (UnsafeBufferPointer<UInt8>, (Range<Int>) -> Void) throws(TokenizerError) -> Void
    ) throws(TokenizerError) {
        let old = pieces
        pieces = try bytes.withBytes { bytes throws(TokenizerError) in
            var pieces: [Range<Int>] = []
            pieces.reserveCapacity(bytes.count / 4)
            for piece in old {
                var splitter = Splitter(behavior: behavior, invert: invert, offset: piece.lowerBound)
                let text = UnsafeBufferPointer(rebasing: bytes[piece])
                try find(text) { splitter.match($0, into: &pieces) }
                splitter.finish(at: text.count, into: &pieces)
            }
            return pieces
        }
    }

    /// Writes every piece anew, at the end of what the pieces before it became; the pieces stay as many as they were.
    ///
    /// - Throws: `tooLarge` when the text grows beyond `Limits.grownBytes`.
    mutating func rewrite(
        _ write: (_ piece: UnsafeBufferPointer<UInt8>, _ index: Int, _ written: inout [UInt8]) -> Void
    ) throws(TokenizerError) {
        var written: [UInt8] = []
        written.reserveCapacity(bytes.count + bytes.count / 2)
        let old = bytes
        old.withUnsafeBufferPointer { bytes in
            for index in pieces.indices where written.count <= limit {
                let start = written.count
                write(UnsafeBufferPointer(rebasing: bytes[pieces[index]]), index, &written)
                pieces[index] = start..<written.count
            }
        }
        guard written.count <= limit else { throw .grownTooLarge }
        bytes = written
    }
}

/// What becomes of the matches of a split, as the `behavior` of a pre-tokenizer says.
enum SplitBehavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    init(_ json: JSON?) throws(TokenizerError) {
        let name = json?.string ?? ""
        guard let behavior = SplitBehavior(rawValue: name) else {
            let supported = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
            throw .unknownKind(name, of: "split behavior", supported: supported)
        }
        self = behavior
    }
}

/// Turns matches, as they come from left to right, into pieces.
private struct Splitter {
    let behavior: SplitBehavior
    let invert: Bool
    /// Where the text begins in the buffer that the pieces are ranges of.
    let offset: Int
    /// Where the text ends that has become segments.
    private var reached = 0
    /// The piece that a later segment may still extend, and whether it was a match (or ended in one).
    private var open: (start: Int, end: Int, matched: Bool)?

    init(behavior: SplitBehavior, invert: Bool, offset: Int) {
        self.behavior = behavior
        self.invert = invert
        self.offset = offset
    }

    mutating func match(_ match: Range<Int>, into pieces: inout [Range<Int>]) {
        if reached < match.lowerBound { segment(reached, match.lowerBound, matched: invert, into: &pieces) }
        segment(match.lowerBound, match.upperBound, matched: !invert, into: &pieces)
        reached = match.upperBound
    }

    mutating func finish(at end: Int, into pieces: inout [Range<Int>]) {
        if reached < end { segment(reached, end, matched: invert, into: &pieces) }
        close(into: &pieces)
    }

    private mutating func segment(_ start: Int, _ end: Int, matched: Bool, into pieces: inout [Range<Int>]) {
        guard start < end else { return }
        let extends =
            switch behavior {
            case .removed, .isolated: false
            case .contiguous: open?.matched == matched
            case .mergedWithPrevious: matched && open?.matched == false
            case .mergedWithNext: !matched && open?.matched == true
            }
        if extends, let open {
            self.open = (open.start, end, matched)
        } else {
            close(into: &pieces)
            open = (start, end, matched)
        }
        if behavior == .removed, matched { open = nil }
    }

    private mutating func close(into pieces: inout [Range<Int>]) {
        if let open { pieces.append(offset + open.start..<offset + open.end) }
        open = nil
    }
}
