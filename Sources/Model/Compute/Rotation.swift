internal import CKernels

/// How fast the pairs of a head turn.
struct Angles: Sendable {
    /// Radians per position, for each pair.
    let frequencies: [Double]
    /// What cosine and sine are multiplied by.
    let amplitude: Double

    init(_ rotary: RotaryEmbedding, _ configuration: ModelConfiguration) {
        self.frequencies = rotary.frequencies(
            dimension: configuration.headDimension,
            contextLength: configuration.contextLength
        )
        self.amplitude = rotary.amplitude
    }
}

/// The cosines and sines of a pass's positions.
struct RotationTable {
    let angles: Angles
    let cosine: FloatBuffer  // [tokens][pairs]
    let sine: FloatBuffer  // [tokens][pairs]

    var pairs: Int { self.angles.frequencies.count }

    init(_ angles: Angles, capacity: Int) {
        self.angles = angles
        self.cosine = FloatBuffer(count: capacity * angles.frequencies.count)
        self.sine = FloatBuffer(count: capacity * angles.frequencies.count)
    }

    /// Turning a pair of position p by p times its frequency. Made anew for each pass, since a table for a long context
    /// would be larger than a block.
    func prepare(_ segments: [Pass.Segment]) {
        for segment in segments {
            for row in segment.rows {
                let position = Double(segment.position + row - segment.rows.lowerBound)
                for (pair, frequency) in self.angles.frequencies.enumerated() {
                    let index = row * self.pairs + pair
                    self.cosine.start[index] = Float(self.angles.amplitude * kw_cos(position * frequency))
                    self.sine.start[index] = Float(self.angles.amplitude * kw_sin(position * frequency))
                }
            }
        }
    }

    /// Turns the first pairs of a head of the pass's `row`.
    func turn(_ head: UnsafeMutablePointer<Float>, row: Int, _ pass: Pass) {
        let first = row * self.pairs
        kw_rotate(pass.kernels.table, head, self.cosine.start + first, self.sine.start + first, self.pairs)
    }
}
