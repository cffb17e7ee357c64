extension Unicode.Scalar {
    /// Whether it only shows something: a terminal obeys control characters, and format characters reorder what is read.
    fileprivate var isHarmless: Bool {
        switch self.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}

extension String {
    /// Whether a stranger's text may be shown to a person as it is.
    var isPrintable: Bool {
        self.utf8.allSatisfy { (0x20..<0x7f).contains($0) } || self.unicodeScalars.allSatisfy(\.isHarmless)
    }

    /// What may be shown of it.
    var printable: String {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: self.unicodeScalars.lazy.filter(\.isHarmless))
        return String(scalars)
    }
}
