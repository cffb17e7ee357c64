import SwiftProtobuf

/// `bytes` as the generated code holds them: as Foundation's `Data`, which our own sources do without.
func field<Bytes: RangeReplaceableCollection<UInt8>>(_ bytes: [UInt8]) -> Bytes {
    Bytes(bytes)
}

/// Encodes a message whose every required field has been set, which cannot fail.
func encoded(_ message: some Message) -> [UInt8] {
    guard let bytes: [UInt8] = try? message.serializedBytes() else {
        preconditionFailure("a required field of \(type(of: message)) was not set")
    }
    return bytes
}
