import StrictJSON
import Testing

@testable import Model

/// Families as their files on the hub are written, beyond those that the shared data hold.
@Suite struct FamilyTests {
    static let common =
        #""vocab_size":64,"bos_token_id":1,"eos_token_id":2,"pad_token_id":0,"torch_dtype":"bfloat16","#
        + #""initializer_range":0.02,"attention_dropout":0.0,"use_cache":true,"transformers_version":"4.50.0","#

    private func parse(_ text: String) throws(ModelError) -> ModelConfiguration {
        try ModelConfiguration(parsing: Array("{\(Self.common)\(text)}".utf8))
    }

    @Test func `reads Gemma 2, and what its absent keys mean`() throws {
        let gemma = try self.parse(
            #"""
            "architectures":["Gemma2ForCausalLM"],"attention_bias":false,"attn_logit_softcapping":50.0,
            "cache_implementation":"hybrid","final_logit_softcapping":30.0,"head_dim":256,
            "hidden_act":"gelu_pytorch_tanh","hidden_activation":"gelu_pytorch_tanh","hidden_size":2304,
            "intermediate_size":9216,"max_position_embeddings":8192,"model_type":"gemma2","num_attention_heads":8,
            "num_hidden_layers":4,"num_key_value_heads":4,"query_pre_attn_scalar":224,"rms_norm_eps":1e-06,
            "rope_theta":10000.0,"sliding_window":4096,"sliding_window_size":4096
            """#
        )
        #expect(gemma.tiesEmbeddings)
        #expect(gemma.scoreCap == 50 && gemma.logitCap == 30)
        #expect(gemma.attentionScale == 1 / Float(224).squareRoot())
        #expect(gemma.blockKinds.map(\.window) == [4096, nil, 4096, nil])
        #expect(gemma.streamScale == 1.0 / 64)
        #expect(gemma.embeddingScale == 0.75)
    }

    @Test func `reads Gemma 3, with its two bases`() throws {
        let gemma = try self.parse(
            #"""
            "architectures":["Gemma3ForCausalLM"],"attention_bias":false,"attn_logit_softcapping":null,
            "cache_implementation":"hybrid","final_logit_softcapping":null,"head_dim":256,
            "hidden_activation":"gelu_pytorch_tanh","hidden_size":1152,"intermediate_size":6912,
            "max_position_embeddings":32768,"model_type":"gemma3_text","num_attention_heads":4,"num_hidden_layers":7,
            "num_key_value_heads":1,"query_pre_attn_scalar":256,"rms_norm_eps":1e-06,"rope_local_base_freq":10000,
            "rope_scaling":null,"rope_theta":1000000,"sliding_window":512,"sliding_window_pattern":6
            """#
        )
        #expect(gemma.rotary.base == 1_000_000 && gemma.localRotary?.base == 10_000)
        #expect(gemma.scoreCap == nil && gemma.logitCap == nil)
        #expect(gemma.blockKinds.map(\.window) == [512, 512, 512, 512, 512, nil, 512])
        #expect(gemma.blockKinds.map(\.rotation) == [.local, .local, .local, .local, .local, .whole, .local])
    }

    static let phi = #"""
        "architectures":["Phi3ForCausalLM"],"attention_bias":false,"auto_map":{"AutoConfig":"configuration_phi3"},
        "embd_pdrop":0.0,"full_attn_mod":1,"hidden_act":"silu","hidden_size":3072,"intermediate_size":8192,
        "interpolate_factor":1,"lm_head_bias":false,"max_position_embeddings":131072,"mlp_bias":false,
        "model_type":"phi3","num_attention_heads":24,"num_hidden_layers":3,"num_key_value_heads":8,
        "original_max_position_embeddings":4096,"resid_pdrop":0.0,"rms_norm_eps":1e-05,"rope_theta":10000.0,
        "sliding_window":262144,"tie_word_embeddings":true,
        """#
    static let ones = [String](repeating: "1.0", count: 48).joined(separator: ",")
    static let twos = [String](repeating: "2.0", count: 48).joined(separator: ",")
    static let longrope = #""rope_scaling":{"type":"longrope","short_factor":[\#(ones)],"long_factor":[\#(twos)]}"#

    @Test func `reads Phi-4-mini, whose factors follow the context that is served`() throws {
        var phi = try self.parse(Self.phi + #""partial_rotary_factor":0.75,"# + Self.longrope)
        #expect(phi.rotary.rotatedDimension(of: 128) == 96)
        #expect(phi.blockKinds.allSatisfy { $0.window == nil })
        let long = phi.rotary.frequencies(dimension: 128, contextLength: phi.contextLength)
        #expect(long.count == 48)
        #expect(long[0] == 0.5)
        let name = phi.mathematics.canonicalBytes
        phi.contextLength = 4096
        #expect(phi.rotary.frequencies(dimension: 128, contextLength: phi.contextLength)[0] == 1)
        #expect(phi.mathematics.canonicalBytes != name)
        // The amplitude hangs on what the model was stretched to, whatever is served: √(1 + log 32 / log 4096).
        #expect(abs(phi.rotary.amplitude - 1.190_238_071_4) < 1e-9)
        for wrong in ["0.74", "1.0"] {
            let error = modelError {
                _ = try self.parse(Self.phi + #""partial_rotary_factor":\#(wrong),"# + Self.longrope)
            }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test func `reads SmolLM3, which leaves every fourth block unturned`() throws {
        let smol = try self.parse(
            #"""
            "architectures":["SmolLM3ForCausalLM"],"attention_bias":false,"hidden_act":"silu","hidden_size":2048,
            "intermediate_size":11008,"layer_types":["full_attention","full_attention","full_attention",
            "full_attention","full_attention"],"max_position_embeddings":65536,"max_window_layers":28,"mlp_bias":false,
            "model_type":"smollm3","no_rope_layer_interval":4,"no_rope_layers":[1,1,1,0,1],"num_attention_heads":16,
            "num_hidden_layers":5,"num_key_value_heads":4,"pretraining_tp":2,"rms_norm_eps":1e-06,"rope_scaling":null,
            "rope_theta":5000000.0,"sliding_window":null,"use_sliding_window":false
            """#
        )
        #expect(smol.blockKinds.map(\.rotation) == [.whole, .whole, .whole, .none, .whole])
        #expect(smol.tiesEmbeddings)
    }

    @Test func `reads mixtures of experts`() throws {
        let qwen = try self.parse(
            #"""
            "architectures":["Qwen2MoeForCausalLM"],"decoder_sparse_step":2,"hidden_act":"silu","hidden_size":2048,
            "intermediate_size":5632,"max_position_embeddings":8192,"max_window_layers":21,"mlp_only_layers":[3],
            "model_type":"qwen2_moe","moe_intermediate_size":1408,"norm_topk_prob":false,"num_attention_heads":16,
            "num_experts":60,"num_experts_per_tok":4,"num_hidden_layers":6,"num_key_value_heads":16,
            "output_router_logits":false,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"router_aux_loss_coef":0.001,
            "shared_expert_intermediate_size":5632,"sliding_window":32768,"use_sliding_window":false
            """#
        )
        #expect(qwen.blockKinds.map(\.hasExperts) == [false, true, false, false, false, true])
        #expect(qwen.biases.queryKeyValue)
        #expect(
            qwen.experts
                == .init(
                    count: 60,
                    chosen: 4,
                    feedForwardSize: 1408,
                    normalizesWeights: false,
                    sharedFeedForwardSize: 5632
                )
        )
    }

    /// What must not be ignored: the family's architecture, a key, and what the error says.
    static let refused: [(String, String, String)] = [
        ("MistralForCausalLM", #""attention_bias":true"#, "attention_bias"),
        ("Qwen2ForCausalLM", #""mlp_bias":true"#, "mlp_bias"),
        ("Qwen3ForCausalLM", #""partial_rotary_factor":0.5"#, "partial_rotary_factor"),
        ("Qwen3ForCausalLM", #""num_experts":4"#, "num_experts"),
        ("GemmaForCausalLM", #""use_bidirectional_attention":true"#, "use_bidirectional_attention"),
        ("GemmaForCausalLM", #""hidden_act":"relu""#, "relu"),
        ("Gemma2ForCausalLM", #""hidden_activation":"gelu_new""#, "gelu_new"),
        ("Gemma3ForCausalLM", #""layer_types":["chunked_attention","full_attention"]"#, "chunked_attention"),
        ("Gemma3ForCausalLM", #""layer_types":["full_attention"]"#, "layer_types"),
        ("Phi3ForCausalLM", #""full_attn_mod":2"#, "full_attn_mod"),
        ("Phi3ForCausalLM", #""rope_scaling":{"type":"yarn","short_factor":[1]}"#, "short_factor"),
        ("SmolLM3ForCausalLM", #""no_rope_layers":[1]"#, "no_rope_layers"),
        ("SmolLM3ForCausalLM", #""no_rope_layers":[1,2]"#, "no_rope_layers"),
        ("LlamaForCausalLM", #""rope_scaling":{"rope_type":"dynamic","factor":2.0}"#, "dynamic NTK"),
        ("LlamaForCausalLM", #""sliding_window":8"#, "sliding_window"),
        ("LlamaForCausalLM", #""attn_logit_softcapping":30.0"#, "attn_logit_softcapping"),
        ("Gemma3ForConditionalGeneration", #""text_config":{}"#, "Gemma3ForCausalLM"),
    ]

    @Test(arguments: refused.indices) func `refuses what it would compute otherwise`(index: Int) {
        let (architecture, key, says) = Self.refused[index]
        let error = modelError {
            _ = try self.parse(
                #"""
                "architectures":["\#(architecture)"],"hidden_size":64,"intermediate_size":64,"num_hidden_layers":2,
                "num_attention_heads":4,"num_key_value_heads":4,"head_dim":16,"max_position_embeddings":64,
                "rms_norm_eps":1e-06,\#(key)
                """#
            )
        }
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "accepted")")
    }

    @Test func `checks numbers that no file was read for`() throws {
        let sound = try ModelConfiguration(
            parsing: Array(TinyModel(architecture: "Qwen2ForCausalLM").configuration.utf8)
        )
        try sound.validate(name: "sound")
        let breakages: [(inout ModelConfiguration) -> Void] = [
            { $0.hiddenSize = Limits.width + 1 }, { $0.contextLength = 0 }, { $0.keyValueHeadCount = 2 },
            { $0.headDimension = 15 }, { $0.normEpsilon = .nan }, { $0.attentionScale = 0 }, { $0.scoreCap = -1 },
            { $0.rotary.base = 1 }, { $0.rotary.fraction = 0 }, { $0.rotary.fraction = 0.2 },
            { $0.blockKinds.removeLast() }, { $0.blockKinds[0].window = 0 }, { $0.blockKinds[0].rotation = .local },
            { $0.blockKinds[0].hasExperts = true }, { $0.localRotary = RotaryEmbedding(base: 0, scaling: .none) },
            {
                $0.experts = .init(count: 4, chosen: 2, feedForwardSize: 8, normalizesWeights: true)
                $0.blockKinds[0].hasExperts = true
            },
        ]
        for (index, breakage) in breakages.enumerated() {
            var broken = sound
            breakage(&broken)
            let error = modelError { try broken.validate(name: "model.gguf") }
            #expect(error?.code == .invalidConfiguration, "\(index)")
            #expect(error?.message.hasPrefix("model.gguf: ") == true)
        }
    }

    @Test func `bounds the experts of a block and of a model`() throws {
        func error(experts: Int, chosen: Int = 2, blocks: Int = 2) -> ModelError? {
            modelError {
                _ = try self.parse(
                    #"""
                    "architectures":["MixtralForCausalLM"],"hidden_size":64,"intermediate_size":64,
                    "num_hidden_layers":\#(blocks),"num_attention_heads":4,"max_position_embeddings":64,
                    "rms_norm_eps":1e-06,"num_local_experts":\#(experts),"num_experts_per_tok":\#(chosen)
                    """#
                )
            }
        }
        #expect(error(experts: Limits.experts) == nil)
        #expect(error(experts: Limits.experts + 1)?.code == .invalidConfiguration)
        #expect(error(experts: 4, chosen: 4) == nil)
        #expect(error(experts: 4, chosen: 5)?.code == .invalidConfiguration)
        let blocks = Limits.expertsOfModel / Limits.experts
        #expect(error(experts: Limits.experts, blocks: blocks) == nil)
        #expect(error(experts: Limits.experts, blocks: blocks + 1)?.code == .invalidConfiguration)
    }
}
