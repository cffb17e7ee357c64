package import NIOCore

/// A reader of what peers send, as something that takes any bytes at all and says when a promise of it was broken.
///
/// The same targets run under libFuzzer (`scripts/fuzz`), which looks for new paths through the code, and in the tests,
/// which replay what it has found (`Corpora`). A reader may refuse its input; it fails by trapping, by hanging, by using
/// more memory than the fuzzer allows, and by a ``BrokenPromise``.
package struct FuzzTarget: Sendable, CustomStringConvertible {
    /// What `scripts/fuzz` calls it, and the name of its folder of inputs.
    package let name: String
    package let run: @Sendable (ByteBuffer) throws(BrokenPromise) -> Void

    init(_ name: String, _ run: @escaping @Sendable (ByteBuffer) throws(BrokenPromise) -> Void) {
        self.name = name
        self.run = run
    }

    package var description: String { self.name }

    package static let all: [FuzzTarget] =
        Self.negotiations + Self.secureChannels + [Self.yamux] + Self.identities + Self.addresses + Self.kademlia
        + Self.inference + Self.autoNAT + Self.names
}

/// A reader took its input and made something wrong of it.
package struct BrokenPromise: Error, CustomStringConvertible {
    package let description: String
}

/// Fails the input unless `condition` holds.
func promise(_ condition: Bool, _ what: @autoclosure () -> String) throws(BrokenPromise) {
    guard condition else { throw BrokenPromise(description: what()) }
}

/// What a reader made of an input, so that two ways of giving it the same bytes can be compared.
enum Reading<Value, Failure: Error> {
    case value(Value)
    case failure(Failure)

    init(_ body: () throws(Failure) -> Value) {
        do throws(Failure) { self = .value(try body()) } catch { self = .failure(error) }
    }

    var value: Value? {
        if case .value(let value) = self { value } else { nil }
    }
}

extension Reading: Equatable where Value: Equatable, Failure: Equatable {}
