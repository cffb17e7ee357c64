import Foundation

extension Duration {
    var milliseconds: Double { self / .milliseconds(1) }

    /// `0.412 ms`, `27.3 ms`, `1.24 s`: three digits that mean something.
    var text: String {
        let milliseconds = self.milliseconds
        return switch milliseconds {
        case 1000...: String(format: "%.2f s", milliseconds / 1000)
        case 100...: String(format: "%.0f ms", milliseconds)
        case 10...: String(format: "%.1f ms", milliseconds)
        case 1...: String(format: "%.2f ms", milliseconds)
        default: String(format: "%.3f ms", milliseconds)
        }
    }
}

/// Bytes a second as networks count them, in powers of ten, with the bits that links are sold by.
func rateText(bytesPerSecond: Double) -> String {
    let bits = bytesPerSecond * 8
    let bitText = bits >= 1e9 ? String(format: "%.2f Gbit/s", bits / 1e9) : String(format: "%.1f Mbit/s", bits / 1e6)
    let megabytes = bytesPerSecond / 1e6
    let text = megabytes >= 100 ? String(format: "%.0f MB/s", megabytes) : String(format: "%.2f MB/s", megabytes)
    return "\(text)  (\(bitText))"
}
