public import ArgumentParser
public import Model

/// Flags take sizes as people write them.
extension ByteCount: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(argument)
    }
}

extension Quantization: ExpressibleByArgument {}
