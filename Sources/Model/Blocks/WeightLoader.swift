internal import CKernels

/// Turns the tensors of a model's files into weights that blocks multiply with. Quantised matrices get their room here,
/// and their numbers from `WeightReader`, which reads each tensor once.
struct WeightLoader {
    let directory: ModelDirectory
    let weights: LoadedRange.Weights
    /// Holds the panels of quantised matrices.
    let memory = PanelMemory()

    private var configuration: ModelConfiguration { self.directory.configuration }

    func block(_ index: Int) throws(ModelError) -> TransformerBlock {
        let description = self.configuration.description(ofBlock: index)
        return TransformerBlock(
            index: index,
            attentionNorm: try self.streamNorm(description.attentionNorm),
            attention: try self.attention(description, self.configuration.blockKinds[index]),
            attentionResultNorm: try description.attentionResultNorm.map { tensor throws(ModelError) in
                try self.norm(tensor)
            },
            feedForwardNorm: try self.streamNorm(description.feedForwardNorm),
            feedForward: try self.feedForward(description.feedForward),
            feedForwardResultNorm: try description.feedForwardResultNorm.map { tensor throws(ModelError) in
                try self.norm(tensor)
            },
            streamScale: self.configuration.streamScale
        )
    }

    /// Its rows are read one by one, so that it stays as it is stored.
    func embedding() throws(ModelError) -> MultipliedTensor {
        try self.tensor(self.configuration.embedding)
    }

    func head() throws(ModelError) -> Head {
        Head(
            norm: try self.streamNorm(self.configuration.lastNorm),
            product: try self.product(ProductDescription(all: self.configuration.head)),
            cap: self.configuration.logitCap
        )
    }
}

// MARK: Parts of a block

extension WeightLoader {
    private func attention(
        _ description: BlockDescription,
        _ kind: ModelConfiguration.BlockKind
    ) throws(ModelError) -> Attention {
        let configuration = self.configuration
        return Attention(
            query: try self.product(description.query),
            key: try self.product(description.key),
            value: try self.product(description.value),
            output: try self.product(description.output),
            queryNorm: try description.queryNorm.map { tensor throws(ModelError) in try self.norm(tensor) },
            keyNorm: try description.keyNorm.map { tensor throws(ModelError) in try self.norm(tensor) },
            headCount: configuration.headCount,
            keyValueHeadCount: configuration.keyValueHeadCount,
            headDimension: configuration.headDimension,
            rotation: kind.rotation,
            window: kind.window,
            scale: configuration.attentionScale,
            scoreCap: configuration.scoreCap
        )
    }

    private func feedForward(_ description: BlockDescription.FeedForward) throws(ModelError) -> FeedForward {
        switch description {
        case .dense(let gated):
            return .dense(try self.gated(gated))
        case .experts(let mixture):
            guard let experts = self.configuration.experts else { preconditionFailure("experts without their sizes") }
            return .experts(
                MixtureOfExperts(
                    router: try self.product(mixture.router),
                    experts: try mixture.experts.map { expert throws(ModelError) in try self.gated(expert) },
                    shared: try mixture.shared.map { shared throws(ModelError) in try self.gated(shared) },
                    sharedGate: try mixture.sharedGate.map { gate throws(ModelError) in try self.product(gate) },
                    chosen: experts.chosen,
                    normalizesWeights: experts.normalizesWeights
                )
            )
        }
    }

    private func gated(_ description: BlockDescription.Gated) throws(ModelError) -> GatedFeedForward {
        GatedFeedForward(
            gate: try self.product(description.gate),
            up: try self.product(description.up),
            down: try self.product(description.down),
            activation: self.configuration.family.activation.kernel
        )
    }

    private func norm(_ tensor: TensorDescription) throws(ModelError) -> Norm {
        let weight = try self.floats(tensor)
        let offset = try self.tensor(tensor).stored.includesOne ? 0 : self.configuration.family.normOffset
        if offset != 0 { for index in 0..<weight.count { weight.start[index] += offset } }
        return Norm(weight: weight, epsilon: self.configuration.normEpsilon)
    }

    /// The norm of a stream that is kept in smaller units, whose mean square is smaller by their square.
    private func streamNorm(_ tensor: TensorDescription) throws(ModelError) -> Norm {
        let norm = try self.norm(tensor)
        let scale = self.configuration.streamScale
        return Norm(weight: norm.weight, epsilon: norm.epsilon * scale * scale)
    }
}

// MARK: Tensors

extension WeightLoader {
    private func product(_ description: ProductDescription) throws(ModelError) -> Product {
        let tensor = try self.tensor(description.weight).slice(description.rows)
        let biases = try description.bias.map { bias throws(ModelError) in try self.floats(bias) }
        if self.weights == .dequantised || description.weight.staysExact && tensor.type.isQuantised {
            return self.widened(tensor, biases)
        }
        guard let type = tensor.type.kernelType else { throw self.notMultiplied(tensor) }
        if tensor.type.isQuantised {
            let panels = try self.memory.take(tensor, from: description.rows.lowerBound, type)
            return Product(matrix: panels.matrix, bias: biases, owner: self.memory)
        }
        let bytes = tensor.stored.bytes
        let isAligned = Int(bitPattern: bytes.baseAddress).isMultiple(of: tensor.type.blockBytes)
        let owner = isAligned && tensor.stored.rowOrder == .plain ? nil : Self.copy(of: tensor)
        let data = owner.map { UnsafeRawPointer($0.start) } ?? bytes.baseAddress
        let matrix = kw_matrix(data: data, type: type, rows: tensor.rows, columns: tensor.columns)
        return Product(matrix: matrix, bias: biases, owner: owner)
    }

    /// A matrix in f32.
    private func widened(_ tensor: MultipliedTensor, _ bias: FloatBuffer?) -> Product {
        let floats = FloatBuffer(count: tensor.rows * tensor.columns)
        let memory = RowMemory()
        for row in 0..<tensor.rows {
            tensor.widen(row: row, into: floats.start + row * tensor.columns, through: memory)
        }
        let matrix = kw_matrix(data: floats.start, type: kw_f32, rows: tensor.rows, columns: tensor.columns)
        return Product(matrix: matrix, bias: bias, owner: floats)
    }

    /// The bytes of a tensor in Hugging Face's order of rows, aligned.
    private static func copy(of tensor: MultipliedTensor) -> FloatBuffer {
        let copy = FloatBuffer(count: (tensor.byteCount + 3) / 4)
        tensor.withBytes(of: 0..<tensor.rows, through: RowMemory()) { bytes in
            UnsafeMutableRawBufferPointer(start: copy.start, count: bytes.count).copyMemory(from: bytes)
        }
        return copy
    }

    /// A vector as f32.
    private func floats(_ description: TensorDescription) throws(ModelError) -> FloatBuffer {
        let tensor = try self.tensor(description)
        let buffer = FloatBuffer(count: description.shape[0])
        let memory = RowMemory()
        for row in 0..<tensor.rows {
            tensor.widen(row: row, into: buffer.start + row * tensor.columns, through: memory)
        }
        return buffer
    }

    /// A tensor of a type that at least can be turned into floats.
    private func tensor(_ description: TensorDescription) throws(ModelError) -> MultipliedTensor {
        let tensor = try self.directory.multiplied(description)
        guard tensor.type.isWidened else { throw self.notMultiplied(tensor) }
        return tensor
    }

    private func notMultiplied(_ tensor: MultipliedTensor) -> ModelError {
        let multiplied = TensorType.allCases.filter(\.isMultiplied).map(\.rawValue).joined(separator: ", ")
        return ModelError(
            .unsupportedSetting,
            "\(tensor.name) is stored as \(tensor.type.rawValue); this version multiplies with \(multiplied). Use a file "
                + "of one of these formats"
                + (tensor.type.isWidened ? ", or quantise while loading: --quantize q8_0." : ".")
        )
    }
}

extension Family.Activation {
    fileprivate var kernel: kw_activation {
        switch self {
        case .silu: kw_silu
        case .gelu: kw_gelu
        }
    }
}
