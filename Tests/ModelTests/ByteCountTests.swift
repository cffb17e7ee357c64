import Model
import Testing

struct ByteCountTests {
    @Test(arguments: [("2GiB", 2 << 30), ("1.5MiB", 3 << 19), ("1000", 1000), ("7B", 7), ("0", 0)])
    func `reads what people write`(text: String, bytes: Int) {
        #expect(ByteCount(text)?.bytes == bytes)
    }

    @Test(arguments: ["", "GiB", "-1", "2GB ", "many", "1e30TiB", "nan", "inf"])
    func `refuses what is no size`(text: String) {
        #expect(ByteCount(text) == nil)
    }

    @Test(arguments: [(0, "0B"), (1023, "1023B"), (1536, "1.5KiB"), (2 << 30, "2GiB"), (.max, "8388607.9TiB")])
    func `prints tenths of the largest unit`(bytes: Int, text: String) {
        #expect(ByteCount(bytes: bytes).description == text)
    }
}
