#include "kv/node/state_watch.h"

#include <algorithm>

#include "kv/command/byte_reader.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kWordsMax = 3 * 4'097;  // three of each group
constexpr std::size_t kWordBytes = 21;
constexpr std::size_t kAnswerBytes = 13;
/// How hashes are made (kv/engine/state_hash.cc): those of another making can't be compared.
constexpr std::uint8_t kHashForm = 1;

/// The hash that more than half of them have.
std::optional<std::uint64_t> majority(const std::map<NodeNumber, std::uint64_t>& said,
                                      const std::vector<NodeNumber>& voters) {
  std::map<std::uint64_t, std::size_t> counts;
  for (const NodeNumber voter : voters)
    if (const auto word = said.find(voter); word != said.end()) ++counts[word->second];
  for (const auto& [hash, count] : counts)
    if (2 * count > voters.size()) return hash;
  return std::nullopt;
}

std::optional<std::uint64_t> majority(const std::map<NodeNumber, std::uint64_t>& said,
                                      const StateWatch::Voters& voters) {
  std::optional<std::uint64_t> all;
  for (const auto& list : voters) {
    const auto one = majority(said, list);
    if (!one || (all && *all != *one)) return std::nullopt;
    all = one;
  }
  return all;
}

}  // namespace

StateVerdict StateWatch::heard(const StateWord& word, NodeNumber from,
                               std::optional<std::uint64_t> own, NodeNumber self,
                               const Voters& voters) {
  if (!own) return StateVerdict::kUnknown;
  ++compared_;
  auto& indexes = said_[word.group];
  Said& said = indexes[word.index];
  if (word.odd)
    said.erase(from);
  else
    said[from] = word.hash;
  said[self] = *own;
  const auto most = majority(said, voters);
  if (most && *most != *own) leader_odd_.emplace(word.group, word.index);
  while (indexes.size() > kIndexesKept) indexes.erase(indexes.begin());
  if (word.hash == *own) {
    differing_.erase({word.group, from});
    return StateVerdict::kEqual;
  }
  differing_[{word.group, from}] = word.index;
  return most && *most != word.hash ? StateVerdict::kOdd : StateVerdict::kDiffers;
}

std::optional<raft::Index> StateWatch::leader_odd_at(raft::GroupId group) const {
  const auto found = leader_odd_.find(group);
  return found == leader_odd_.end() ? std::nullopt : std::optional(found->second);
}

void StateWatch::forget(raft::GroupId group) {
  said_.erase(group);
  leader_odd_.erase(group);
  std::erase_if(differing_, [group](const auto& d) { return d.first.first == group; });
}

void StateWatch::forget_node(NodeNumber node) {
  for (auto& [group, indexes] : said_)
    for (auto& [index, said] : indexes) said.erase(node);
  std::erase_if(differing_, [node](const auto& d) { return d.first.second == node; });
}

void StateWatch::keep(raft::GroupId group, const std::vector<NodeNumber>& nodes) {
  std::erase_if(differing_, [&](const auto& d) {
    return d.first.first == group &&
           std::find(nodes.begin(), nodes.end(), d.first.second) == nodes.end();
  });
}

std::string encode_state_words(const std::vector<StateWord>& words) {
  std::string out;
  append_le(kHashForm, out);
  append_le(static_cast<std::uint32_t>(words.size()), out);
  for (const StateWord& word : words) {
    append_le(word.group, out);
    append_le(word.index, out);
    append_le(word.hash, out);
    append_le(static_cast<std::uint8_t>(word.odd), out);
  }
  return out;
}

std::optional<std::vector<StateWord>> decode_state_words(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.number<std::uint8_t>() != kHashForm) return std::nullopt;
  std::vector<StateWord> words(in.count(in.number<std::uint32_t>(), kWordBytes));
  if (words.size() > kWordsMax) return std::nullopt;
  for (StateWord& word : words) {
    word.group = in.number<std::uint32_t>();
    word.index = in.number<std::uint64_t>();
    word.hash = in.number<std::uint64_t>();
    word.odd = in.number<std::uint8_t>() != 0;
  }
  if (!in.done()) return std::nullopt;
  return words;
}

std::string encode_state_answers(const std::vector<StateAnswer>& answers) {
  std::string out;
  append_le(static_cast<std::uint32_t>(answers.size()), out);
  for (const StateAnswer& answer : answers) {
    append_le(answer.group, out);
    append_le(answer.index, out);
    append_le(static_cast<std::uint8_t>(answer.verdict), out);
  }
  return out;
}

std::optional<std::vector<StateAnswer>> decode_state_answers(std::string_view bytes) {
  ByteReader in(bytes);
  std::vector<StateAnswer> answers(in.count(in.number<std::uint32_t>(), kAnswerBytes));
  if (answers.size() > kWordsMax) return std::nullopt;
  for (StateAnswer& answer : answers) {
    answer.group = in.number<std::uint32_t>();
    answer.index = in.number<std::uint64_t>();
    const auto verdict = in.number<std::uint8_t>();
    if (verdict > static_cast<std::uint8_t>(StateVerdict::kOdd)) return std::nullopt;
    answer.verdict = static_cast<StateVerdict>(verdict);
  }
  if (!in.done()) return std::nullopt;
  return answers;
}

}  // namespace cairn::kv
