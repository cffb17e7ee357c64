/// Why a file was not read as GGUF, and what to do about it.
package struct GGUFError: Error, Equatable, Sendable {
    package enum Code: Equatable, Sendable {
        /// It does not begin as a GGUF file.
        case notGGUF
        /// A version of the format that is not read here.
        case unsupportedVersion
        /// Its numbers stand most significant byte first.
        case bigEndian
        /// It ends before what it promises.
        case truncated
        /// It says something that the format does not allow, or that contradicts itself.
        case invalid
        /// It exceeds one of `Limits`.
        case tooLarge
        /// A tensor is stored in a way that is not known here.
        case unknownType
    }

    package var code: Code
    /// A sentence without its subject, which is the file; who opened it knows its name.
    package var reason: String

    init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }
}

extension GGUFError: CustomStringConvertible {
    package var description: String {
        switch self.code {
        case .notGGUF: "it \(self.reason); give a .gguf file"
        case .unsupportedVersion, .bigEndian, .unknownType:
            "it \(self.reason); convert the model again with a current llama.cpp"
        case .truncated, .invalid, .tooLarge: "it \(self.reason); download it again"
        }
    }
}
