/// Runs `body` for each of `items`, at most `limit` at once, and returns their results in the order in which they end.
///
/// - Parameters:
///   - time: when that is over, no more are begun, and those that run are cancelled: what they give is taken.
///   - isEnough: whether the results so far will do; those that run are cancelled then, and nothing more is taken.
package func concurrently<Item: Sendable, Value: Sendable>(
    _ items: [Item],
    limit: Int,
    within time: Duration? = nil,
    until isEnough: ([Value]) -> Bool = { _ in false },
    _ body: @escaping @Sendable (Item) async -> Value
) async -> [Value] {
    await withTaskGroup(of: Value?.self) { group in
        var waiting = items[...]
        var running = 0
        func begin() {
            guard let item = waiting.popFirst() else { return }
            running += 1
            group.addTask { await body(item) }
        }
        if let time {
            group.addTask {
                try? await pause(for: time)
                return nil
            }
        }
        for _ in 0..<min(limit, items.count) { begin() }
        var values: [Value] = []
        while running > 0, let ended = await group.next() {
            guard let value = ended else {
                waiting = []
                group.cancelAll()
                continue
            }
            running -= 1
            values.append(value)
            if isEnough(values) { break }
            begin()
        }
        group.cancelAll()
        return values
    }
}
