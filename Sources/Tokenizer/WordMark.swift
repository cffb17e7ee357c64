extension Collection<UInt8> where Index == Int {
    /// Where words start within: at each `mark` that follows something else than a mark.
    func starts(of mark: [UInt8]) -> [Int] {
        var starts: [Int] = []
        var position = startIndex
        var afterMark = true
        while position < endIndex {
            if self[position] == mark.first, self[position...].starts(with: mark) {
                if !afterMark { starts.append(position) }
                afterMark = true
                position += mark.count
            } else {
                afterMark = false
                position += 1
            }
        }
        return starts
    }
}
