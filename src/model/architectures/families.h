// The list of families: each is one file beside this one, which defines NAME_family().
#pragma once

#include <span>

#include "model/architecture.h"

#define HEARTH_FAMILIES(FAMILY) \
  FAMILY(llama)                 \
  FAMILY(llama_kin)             \
  FAMILY(qwen)                  \
  FAMILY(gemma)                 \
  FAMILY(phi)                   \
  FAMILY(glm)                   \
  FAMILY(olmo)                  \
  FAMILY(granite)               \
  FAMILY(cohere)                \
  FAMILY(smollm3)               \
  FAMILY(exaone4)               \
  FAMILY(stablelm)              \
  FAMILY(gpt2)                  \
  FAMILY(starcoder2)            \
  FAMILY(gpt_neox)              \
  FAMILY(mixtral)               \
  FAMILY(glm4_moe)              \
  FAMILY(lfm2)                  \
  FAMILY(gpt_oss)               \
  FAMILY(deepseek)              \
  FAMILY(apertus)               \
  FAMILY(falcon)                \
  FAMILY(nemotron)              \
  FAMILY(gptj)                  \
  FAMILY(bloom)                 \
  FAMILY(mpt)                   \
  FAMILY(opt)                   \
  FAMILY(bert)                  \
  FAMILY(modernbert)            \
  FAMILY(qwen_hybrid)           \
  FAMILY(granite_hybrid)        \
  FAMILY(falcon_h1)             \
  FAMILY(nemotron_h)            \
  FAMILY(mamba)                 \
  FAMILY(kimi_linear)           \
  FAMILY(gemma3n)               \
  FAMILY(gemma4)                \
  FAMILY(nanochat)              \
  FAMILY(bailing)               \
  FAMILY(afmoe)                 \
  FAMILY(jamba)                 \
  FAMILY(laguna)                \
  FAMILY(mimo2)                 \
  FAMILY(bitnet)                \
  FAMILY(minicpm)               \
  FAMILY(hy3)                   \
  FAMILY(muse_glimmer)          \
  FAMILY(mellum)

namespace hearth {

#define HEARTH_DECLARE(name) std::span<const Architecture> name##_family();
HEARTH_FAMILIES(HEARTH_DECLARE)
#undef HEARTH_DECLARE

}  // namespace hearth
