import Testing

@testable import GGUF

@Suite struct GGMLTypeTests {
    @Test func `names are those that ggml prints`() {
        #expect(GGMLType.q4_K.name == "Q4_K")
        #expect(GGMLType.iq2_XXS.name == "IQ2_XXS")
        #expect(GGMLType.mxfp4.name == "MXFP4")
    }

    @Test func `bits per number are those that the formats are known for`() {
        let bits: [GGMLType: Double] = [
            .f32: 32, .bf16: 16, .q4_0: 4.5, .q4_1: 5, .q5_0: 5.5, .q5_1: 6, .q8_0: 8.5, .q2_K: 2.625, .q3_K: 3.4375,
            .q4_K: 4.5, .q5_K: 5.5, .q6_K: 6.5625, .iq1_S: 1.5625, .iq1_M: 1.75, .iq2_XXS: 2.0625, .iq2_XS: 2.3125,
            .iq2_S: 2.5625, .iq3_XXS: 3.0625, .iq3_S: 3.4375, .iq4_NL: 4.5, .iq4_XS: 4.25, .tq1_0: 1.6875,
            .tq2_0: 2.0625, .mxfp4: 4.25,
        ]
        for (type, expected) in bits {
            #expect(Double(8 * type.blockBytes) / Double(type.blockSize) == expected, "\(type.name)")
        }
    }
}
