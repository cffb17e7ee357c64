enum Version {
    /// This program's version.
    static let number = "0.1.0"
    /// How peers of other software see it: the form that KwaaiNet's nodes expect (`kwaai-X.Y.Z…`).
    static let agent = "kwaai-\(Self.number)-swift"
}
