internal import CKernels

/// Turns the tensors of a model's files into weights that blocks multiply with.
struct WeightLoader {
    let directory: ModelDirectory
    let weights: LoadedRange.Weights

    private var configuration: ModelConfiguration { self.directory.configuration }

    func block(_ index: Int) throws(ModelError) -> TransformerBlock {
        let configuration = self.configuration
        let tensors = Dictionary(
            configuration.tensors(ofBlock: index).map { ($0.name, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let prefix = "model.layers.\(index)"
        func product(_ name: String) throws(ModelError) -> Product {
            guard let weight = tensors["\(prefix).\(name).weight"] else {
                preconditionFailure("\(name) is no product of a block")
            }
            return try self.product(weight, bias: tensors["\(prefix).\(name).bias"])
        }
        func norm(_ name: String) throws(ModelError) -> Norm {
            try self.norm(TensorDescription("\(prefix).\(name).weight", configuration.hiddenSize))
        }
        return TransformerBlock(
            index: index,
            attentionNorm: try norm("input_layernorm"),
            attention: Attention(
                query: try product("self_attn.q_proj"),
                key: try product("self_attn.k_proj"),
                value: try product("self_attn.v_proj"),
                output: try product("self_attn.o_proj"),
                headCount: configuration.headCount,
                keyValueHeadCount: configuration.keyValueHeadCount,
                headDimension: configuration.headDimension
            ),
            feedForwardNorm: try norm("post_attention_layernorm"),
            feedForward: FeedForward(
                gate: try product("mlp.gate_proj"),
                up: try product("mlp.up_proj"),
                down: try product("mlp.down_proj")
            )
        )
    }

    /// Its rows are read one by one, so that it stays as it is stored.
    func embedding() throws(ModelError) -> StoredTensor {
        try self.tensor(self.configuration.embedding)
    }

    func head() throws(ModelError) -> Head {
        Head(
            norm: try self.norm(self.configuration.lastNorm),
            product: try self.product(self.configuration.head, bias: nil)
        )
    }

    private func norm(_ tensor: TensorDescription) throws(ModelError) -> Norm {
        Norm(weight: try self.floats(tensor), epsilon: self.configuration.normEpsilon)
    }

    private func product(_ description: TensorDescription, bias: TensorDescription?) throws(ModelError) -> Product {
        let tensor = try self.tensor(description)
        let biases = try bias.map { bias throws(ModelError) in try self.floats(bias) }
        if self.weights == .dequantised {
            let floats = FloatBuffer(count: tensor.rows * tensor.columns)
            for row in 0..<tensor.rows { tensor.widen(row: row, into: floats.start + row * tensor.columns) }
            let matrix = kw_matrix(data: floats.start, type: kw_f32, rows: tensor.rows, columns: tensor.columns)
            return Product(matrix: matrix, bias: biases, owner: floats)
        }
        let type: kw_type
        switch tensor.type {
        case .f16: type = kw_f16
        case .bf16: type = kw_bf16
        case .f32: type = kw_f32
        case _: throw self.notMultiplied(tensor)
        }
        let isAligned = Int(bitPattern: tensor.bytes.baseAddress).isMultiple(of: tensor.type.blockBytes)
        let owner = isAligned && tensor.rowOrder == .plain ? nil : Self.copy(of: tensor)
        let data = owner.map { UnsafeRawPointer($0.start) } ?? tensor.bytes.baseAddress
        let matrix = kw_matrix(data: data, type: type, rows: tensor.rows, columns: tensor.columns)
        return Product(matrix: matrix, bias: biases, owner: owner)
    }

    /// The bytes of a tensor in Hugging Face's order of rows, aligned.
    private static func copy(of tensor: StoredTensor) -> FloatBuffer {
        let copy = FloatBuffer(count: (tensor.bytes.count + 3) / 4)
        var to = UnsafeMutableRawPointer(copy.start)
        tensor.withPieces { piece in
            guard let from = piece.baseAddress else { return }
            to.copyMemory(from: from, byteCount: piece.count)
            to += piece.count
        }
        return copy
    }

    /// A vector as f32.
    private func floats(_ description: TensorDescription) throws(ModelError) -> FloatBuffer {
        let tensor = try self.tensor(description)
        let buffer = FloatBuffer(count: description.shape[0])
        for row in 0..<tensor.rows { tensor.widen(row: row, into: buffer.start + row * tensor.columns) }
        return buffer
    }

    /// A tensor of a type that at least can be turned into floats.
    private func tensor(_ description: TensorDescription) throws(ModelError) -> StoredTensor {
        let tensor = try self.directory.tensor(description)
        guard tensor.type.isWidened else { throw self.notMultiplied(tensor) }
        return tensor
    }

    private func notMultiplied(_ tensor: StoredTensor) -> ModelError {
        let multiplied = TensorType.allCases.filter(\.isMultiplied).map(\.rawValue).joined(separator: ", ")
        return ModelError(
            .unsupportedSetting,
            "\(tensor.name) is stored as \(tensor.type.rawValue); this version multiplies with \(multiplied). Use a file "
                + "of one of these formats."
        )
    }
}

/// product(norm(x)): from the last block's output to the logits.
struct Head: Sendable {
    let norm: Norm
    let product: Product
}
