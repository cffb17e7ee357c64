internal import CKernels

/// Turns the tensors of a model's files into weights that blocks multiply with.
struct WeightLoader {
    let directory: ModelDirectory

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

    func embedding() throws(ModelError) -> Product {
        try self.product(self.configuration.embedding, bias: nil)
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

    private func product(_ tensor: TensorDescription, bias: TensorDescription?) throws(ModelError) -> Product {
        let (bytes, type) = try self.bytes(of: tensor)
        let biases = try bias.map { bias throws(ModelError) in try self.floats(bias) }
        let aligned = Int(bitPattern: bytes.baseAddress).isMultiple(of: type == kw_f32 ? 4 : 2)
        var owner: FloatBuffer?
        if !aligned {
            let copy = FloatBuffer(count: (bytes.count + 3) / 4)
            UnsafeMutableRawBufferPointer(start: copy.start, count: copy.count * 4).copyMemory(from: bytes)
            owner = copy
        }
        let data = owner.map { UnsafeRawPointer($0.start) } ?? bytes.baseAddress
        return Product(
            matrix: kw_matrix(data: data, type: type, rows: tensor.shape[0], columns: tensor.shape[1]),
            bias: biases,
            owner: owner
        )
    }

    /// A small tensor as f32.
    private func floats(_ tensor: TensorDescription) throws(ModelError) -> FloatBuffer {
        let (bytes, type) = try self.bytes(of: tensor)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 4)
        defer { copy.deallocate() }
        copy.copyMemory(from: bytes)
        let buffer = FloatBuffer(count: tensor.shape[0])
        kw_widen(Kernels.best.table, type, copy.baseAddress, buffer.start, buffer.count)
        return buffer
    }

    private func bytes(of tensor: TensorDescription) throws(ModelError) -> (UnsafeRawBufferPointer, kw_type) {
        let place = try self.directory.place(of: tensor)
        let type: kw_type
        switch place.entry.type {
        case .f16: type = kw_f16
        case .bf16: type = kw_bf16
        case .f32: type = kw_f32
        case let other:
            throw ModelError(
                .unsupportedSetting,
                "\(tensor.name) is stored as \(other.rawValue); this version reads F16, BF16 and F32."
            )
        }
        return (self.directory.weights.bytes(of: place), type)
    }
}

/// product(norm(x)): from the last block's output to the logits.
struct Head: Sendable {
    let norm: Norm
    let product: Product
}
