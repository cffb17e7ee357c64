internal import GGUF

/// Finds in the tensors of GGUF files those that Hugging Face's files of the same model hold: under other names, in
/// other orders of rows, several in one.
struct GGUFTensorNames {
    let architecture: GGUFArchitecture
    /// Rows of one head.
    let headDimension: Int
    /// Everything that the model's mathematics reads.
    let needed: Set<String>

    init(_ architecture: GGUFArchitecture, _ configuration: ModelConfiguration) {
        self.architecture = architecture
        self.headDimension = configuration.headDimension
        self.needed = Set(configuration.tensors(of: 0..<configuration.blockCount).map(\.name))
    }

    /// The tensors that a stored one stands for. A tensor that the mathematics does not read would change it if it were
    /// read, so it is an error.
    func entries(_ tensor: GGUFTensor, file: String) throws(ModelError) -> [(name: String, entry: TensorEntry)] {
        if Self.rotaryTables.contains(tensor.name) { return [] }
        guard let type = TensorType(tensor.type) else {
            throw ModelError(
                .unsupportedSetting,
                "\(file): \(tensor.name) is stored as \(tensor.type.name), which holds no weights. Use another file."
            )
        }
        let entry = TensorEntry(type: type, shape: tensor.shape, bytes: tensor.bytes)
        let entries = self.entries(tensor.name, entry)
        guard let entries, entries.allSatisfy({ self.needed.contains($0.name) }) else {
            throw ModelError(
                .unsupportedSetting,
                "\(file) holds the tensor \(tensor.name), which \(self.architecture.architecture) as this version "
                    + "computes it does not use. Use another file of the model, or a version of kwaai-swift that knows it."
            )
        }
        return entries
    }

    /// The factors of RoPE, which are read with the configuration.
    private static let rotaryTables: Set<String> = [
        GGUFRotary.factors, GGUFRotary.longFactors, GGUFRotary.shortFactors,
    ]

    private func entries(_ name: String, _ entry: TensorEntry) -> [(name: String, entry: TensorEntry)]? {
        let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if words.count == 2, let whole = Self.outside[words[0]] {
            return [(whole + "." + words[1], self.norm(entry, words))]
        }
        guard words.count == 4, words[0] == "blk", let block = UInt16(words[1]), "\(block)" == words[1],
            let part = self.architecture.parts[words[2]] ?? Self.parts[words[2]]
        else { return nil }
        let full = "model.layers.\(block).\(part).\(words[3])"
        if let star = full.firstIndex(of: "*") {
            return self.experts(entry) { "\(full[..<star])\($0)\(full[full.index(after: star)...])" }
        }
        var entry = self.norm(entry, words)
        if self.architecture.interleavesRows, words[2] == "attn_q" || words[2] == "attn_k" {
            entry.rowOrder = .interleaved(headDimension: self.headDimension)
        }
        // The gate of the shared expert is a matrix of one row, and GGUF drops dimensions of one.
        if words[2] == "ffn_gate_inp_shexp", entry.shape.count == 1 { entry.shape.insert(1, at: 0) }
        return [(full, entry)]
    }

    private func norm(_ entry: TensorEntry, _ words: [String]) -> TensorEntry {
        var entry = entry
        entry.includesOne = self.architecture.addsOneToNorms && words[words.count - 2].hasSuffix("norm")
        return entry
    }

    /// A stack of matrices, one for each expert, taken apart.
    private func experts(_ stack: TensorEntry, name: (Int) -> String) -> [(name: String, entry: TensorEntry)]? {
        guard stack.shape.count == 3, stack.shape[0] <= Limits.experts else { return nil }
        let size = stack.bytes.count / stack.shape[0]
        return (0..<stack.shape[0]).map { expert in
            let start = stack.bytes.lowerBound + expert * size
            let shape = Array(stack.shape.dropFirst())
            return (name(expert), TensorEntry(type: stack.type, shape: shape, bytes: start..<start + size))
        }
    }

    private static let outside = [
        "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    ]

    private static let parts = [
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
        "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]
}
