/// The bound of everything that others can make `Prometheus` hold, each with its reason (DESIGN.md §7).
package enum Limits {
    /// Names with their labels: many times what this program has.
    package static let series = 1024

    /// Connections at a time: a scraper or two, and somebody who looks.
    package static let connections = 16

    /// How long a connection may take to ask and to read, whatever it does.
    package static let connectionTime = Duration.seconds(10)
}
