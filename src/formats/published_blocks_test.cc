// A block of random bytes in each of ggml's formats that are looked up in grids or packed in other unusual ways, and
// what ggml decodes it to: a hash of the float32 bits, so that no bit of any weight can be another.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/code_values.h"
#include "formats/format.h"

namespace hearth {
namespace {

struct PublishedBlock {
  Format format;
  std::string_view bytes;  // hexadecimal
  std::uint64_t values;    // the FNV-1a hash of the values, as little-endian float32
};

constexpr PublishedBlock kPublishedBlocks[] = {
    {Format::kIq2Xxs,
     "391db3c2c99222fd82078f57a4a6b8dd81aaf929beab303f6182b0a88e32449a77852d3f56d2074badad98f2b637ef97ee29afc54e7c"
     "579824d29b6f471971706b93",
     0x54209c92f73bd484},
    {Format::kIq2Xs,
     "cc270a255f4f76758961a5dc451b91a12381310ebcd3ab35d4214a49a3d2217a75b6edf8044dc5544c1827036484790914605692e8bc"
     "e0116cc1b2c973c8e165e850b5a336580b8cf307",
     0x2c9a2f3310ed0bf9},
    {Format::kIq2S,
     "5ca776d4d3d65d7182a33c1e159fc761ac30728b31f401ba4f2f40c09a84d06fe55c410d23b1035cf566c5489b66cb7e0fe38b23947e"
     "d0309c8fc7cc973cd1de7adba7c7674e68cf6708f046ebe648a9140d",
     0x727025c62abce2c1},
    {Format::kIq3Xxs,
     "6d22712683b22987bcbbcff4291b124cada6f137144b5d85640539bc285392780b4f002b5476e0db19698aef721b3bc2fe580b25ccd3"
     "0382407b2b761180d2351fa78c37b2a8bf15e0d7bef07f632ec3f600cd6b36fed96074d128a5f2bee80b2260",
     0x0b69ee2db65f0465},
    {Format::kIq3S,
     "3d244c528dd905347983ac0bdcfe23b71cd9a5772641db3627f5397e215735b3ffd2c1c63f4bbd4c8bbfc7b12c13a4250d9bcb07b710"
     "74a99da9e70e3900605f93291fb372fcdc1ef0ba8462f22ac97a83e4018d84fe96fb4265c6cc15067bfc7135c152a53816ea66ec026f"
     "38ef",
     0x8d5f2c04af3c0f3d},
    {Format::kIq1S,
     "dfa86d3a14744d1834253b29b4f236728536bf6a9b5214abebfabac26c2f144195b76b4e6d3f3dc24c882663891bb76bce9c",
     0xd9faea47ae0995f5},
    {Format::kIq1M,
     "b50274e7ad5168ca88f10abbe43147c450c046cf599d6d41f891ff207be2ffafbdbbb0a5471a64bc14a6a4122d59c9a1d3a413f8b2cc"
     "0c3e",
     0x63c8fabc38d5a6a1},
    {Format::kTq1_0,
     "62f2312cb7573697660f2cd271200c1aab4962d330498f6e27ebd2e08adbbcfb2061776873e7db9b8249e2239d65945696178366cf26",
     0x12166fbfb1c71d95},
    {Format::kTq2_0,
     "560f1816461f2723e63db9ef7a5ea7017d22efa2c8e778e0e331d505efa96959d22be2b3c53fbc74eb18d4b046eb2a2e2fa141403d0c"
     "cd661dbf7b27712f7f2f0d29",
     0x0d9ff5e51da3a253},
    {Format::kQ1_0, "8129768d73dae08a9aa408f22f783e149dc7", 0xa7299d3d7d849625},
    {Format::kQ2_0, "a826cddf30d11e93a97f39b855ff127265b5", 0x31dd9cd3a539fc79},
    {Format::kNvfp4, "57030944ec358ff5a1734fc557021c439e3655ada56f0bec7fef626f3d99e256b343977d", 0x049aca759514704c},
};

std::vector<std::byte> bytes_of(std::string_view hexadecimal) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hexadecimal.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hexadecimal.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::uint64_t fnv_1a(const std::vector<float>& values) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  for (std::size_t i = 0; i < values.size() * sizeof(float); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

TEST(PublishedBlocks, DecodeToTheBit) {
  for (const PublishedBlock& published : kPublishedBlocks) {
    const FormatTraits& format = traits(published.format);
    const std::vector<std::byte> block = bytes_of(published.bytes);
    ASSERT_EQ(block.size(), static_cast<std::size_t>(format.block_bytes)) << format.name;
    std::vector<float> values(static_cast<std::size_t>(format.block_elements));
    format.decode_f32(block.data(), values.data(), format.block_elements);
    EXPECT_EQ(fnv_1a(values), published.values) << format.name;
  }
}

// Every integer of a format with few of them has a code, whatever the bytes of a block are.
TEST(CodeValues, AreAllThatAFormatHas) {
  for (const FormatTraits& format : all_formats()) {
    const CodeValues& values = code_values(format.format);
    if (values == CodeValues{}) continue;
    std::vector<std::byte> block(static_cast<std::size_t>(format.block_bytes));
    std::vector<std::int8_t> q(static_cast<std::size_t>(format.block_elements));
    std::vector<float> scale(q.size() / kInt8GroupElements), min(scale.size());
    std::uint32_t random = 1;
    for (int round = 0; round < 64; ++round) {
      for (std::byte& byte : block) byte = static_cast<std::byte>((random = random * 1664525 + 1013904223) >> 24);
      format.decode_int8(block.data(), q.data(), scale.data(), min.data(), format.block_elements);
      for (const std::int8_t value : q) {
        ASSERT_NE(std::find(values.begin(), values.end(), value), values.end()) << format.name << " " << int{value};
      }
    }
  }
}

}  // namespace
}  // namespace hearth
