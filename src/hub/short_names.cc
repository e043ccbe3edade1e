// The table of short names: well-known models in the repositories of those who made them, or of well-known converters,
// in formats that Hearth opens. The first of a family is what the family's name alone stands for.
#include <array>

#include "hub/model_name.h"

namespace hearth {
namespace {

constexpr std::array kShortNames{
    ShortName{"qwen3:4b", "Qwen/Qwen3-4B-GGUF"},
    ShortName{"qwen3:0.6b", "Qwen/Qwen3-0.6B-GGUF"},
    ShortName{"qwen3:1.7b", "Qwen/Qwen3-1.7B-GGUF"},
    ShortName{"qwen3:8b", "Qwen/Qwen3-8B-GGUF"},
    ShortName{"qwen3:14b", "Qwen/Qwen3-14B-GGUF"},
    ShortName{"qwen3:32b", "Qwen/Qwen3-32B-GGUF"},
    ShortName{"qwen3:30b-a3b", "Qwen/Qwen3-30B-A3B-GGUF"},
    ShortName{"qwen2.5:7b", "Qwen/Qwen2.5-7B-Instruct-GGUF"},
    ShortName{"qwen2.5:0.5b", "Qwen/Qwen2.5-0.5B-Instruct-GGUF"},
    ShortName{"qwen2.5:1.5b", "Qwen/Qwen2.5-1.5B-Instruct-GGUF"},
    ShortName{"qwen2.5:3b", "Qwen/Qwen2.5-3B-Instruct-GGUF"},
    ShortName{"qwen2.5:14b", "Qwen/Qwen2.5-14B-Instruct-GGUF"},
    ShortName{"qwen2.5:32b", "Qwen/Qwen2.5-32B-Instruct-GGUF"},
    ShortName{"qwen2.5-coder:7b", "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF"},
    ShortName{"qwen2.5-coder:1.5b", "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"},
    ShortName{"qwen2.5-coder:14b", "Qwen/Qwen2.5-Coder-14B-Instruct-GGUF"},
    ShortName{"qwen2.5-coder:32b", "Qwen/Qwen2.5-Coder-32B-Instruct-GGUF"},
    ShortName{"gpt-oss:20b", "ggml-org/gpt-oss-20b-GGUF"},
    ShortName{"gpt-oss:120b", "ggml-org/gpt-oss-120b-GGUF"},
    ShortName{"gemma3:4b", "ggml-org/gemma-3-4b-it-GGUF"},
    ShortName{"gemma3:1b", "ggml-org/gemma-3-1b-it-GGUF"},
    ShortName{"gemma3:12b", "ggml-org/gemma-3-12b-it-GGUF"},
    ShortName{"gemma3:27b", "ggml-org/gemma-3-27b-it-GGUF"},
    ShortName{"llama3.2:3b", "bartowski/Llama-3.2-3B-Instruct-GGUF"},
    ShortName{"llama3.2:1b", "bartowski/Llama-3.2-1B-Instruct-GGUF"},
    ShortName{"llama3.1:8b", "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF"},
    ShortName{"llama3.1:70b", "bartowski/Meta-Llama-3.1-70B-Instruct-GGUF"},
    ShortName{"llama3.3:70b", "bartowski/Llama-3.3-70B-Instruct-GGUF"},
    ShortName{"mistral:7b", "bartowski/Mistral-7B-Instruct-v0.3-GGUF"},
    ShortName{"mistral-nemo:12b", "bartowski/Mistral-Nemo-Instruct-2407-GGUF"},
    ShortName{"phi4:14b", "bartowski/phi-4-GGUF"},
    ShortName{"phi4-mini:3.8b", "unsloth/Phi-4-mini-instruct-GGUF"},
    ShortName{"smollm3:3b", "ggml-org/SmolLM3-3B-GGUF"},
    ShortName{"smollm2:1.7b", "bartowski/SmolLM2-1.7B-Instruct-GGUF"},
    ShortName{"smollm2:135m", "bartowski/SmolLM2-135M-Instruct-GGUF"},
    ShortName{"smollm2:360m", "bartowski/SmolLM2-360M-Instruct-GGUF"},
    ShortName{"lfm2:1.2b", "LiquidAI/LFM2-1.2B-GGUF"},
    ShortName{"lfm2:350m", "LiquidAI/LFM2-350M-GGUF"},
    ShortName{"lfm2:700m", "LiquidAI/LFM2-700M-GGUF"},
    ShortName{"granite4:tiny-h", "ibm-granite/granite-4.0-h-tiny-GGUF"},
    ShortName{"granite4:micro-h", "ibm-granite/granite-4.0-h-micro-GGUF"},
    ShortName{"granite4:micro", "ibm-granite/granite-4.0-micro-GGUF"},
    ShortName{"embeddinggemma:300m", "ggml-org/embeddinggemma-300M-GGUF"},
    ShortName{"qwen3-embedding:0.6b", "Qwen/Qwen3-Embedding-0.6B-GGUF"},
    ShortName{"qwen3-embedding:4b", "Qwen/Qwen3-Embedding-4B-GGUF"},
    ShortName{"nomic-embed-text:v1.5", "nomic-ai/nomic-embed-text-v1.5-GGUF"},
    ShortName{"all-minilm:22m", "sentence-transformers/all-MiniLM-L6-v2"},
};

}  // namespace

std::span<const ShortName> short_names() {
  return kShortNames;
}

}  // namespace hearth
