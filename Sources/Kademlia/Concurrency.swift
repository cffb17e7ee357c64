/// Runs `body` for each of `items`, at most `limit` at once, and returns their results in the order in which they end.
func concurrently<Item: Sendable, Value: Sendable>(
    _ items: [Item],
    limit: Int,
    _ body: @escaping @Sendable (Item) async -> Value
) async -> [Value] {
    await withTaskGroup(of: Value.self) { group in
        var waiting = items[...]
        for item in waiting.prefix(limit) { group.addTask { await body(item) } }
        waiting = waiting.dropFirst(limit)
        var values: [Value] = []
        while let value = await group.next() {
            values.append(value)
            if let item = waiting.popFirst() { group.addTask { await body(item) } }
        }
        return values
    }
}
