/// The number that a coordinator gave one sequence on one hop.
///
/// It names a session only together with the peer id that Noise proved, so guessing it gains nothing (DESIGN.md §5).
public struct SessionID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// A fresh id; a coordinator draws one per hop and per opening.
    public static func random(using generator: inout some RandomNumberGenerator) -> SessionID {
        SessionID(rawValue: .random(in: .min ... .max, using: &generator))
    }

    public var description: String {
        let digits = String(self.rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// How many tokens of a sequence stand before a step: the wire's `seq_pos`.
public struct SequencePosition: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let start = SequencePosition(rawValue: 0)

    public static func < (left: SequencePosition, right: SequencePosition) -> Bool { left.rawValue < right.rawValue }

    public var description: String { "\(self.rawValue)" }
}
