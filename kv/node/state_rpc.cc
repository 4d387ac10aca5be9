#include "kv/node/state_rpc.h"

#include "kv/command/byte_reader.h"

namespace cairn::kv {
namespace {

constexpr std::uint8_t kForm = 1;

void append_text(std::string_view text, std::string& out) {
  append_le(static_cast<std::uint32_t>(text.size()), out);
  out.append(text);
}

std::string text(ByteReader& in) {
  return std::string(in.bytes(in.number<std::uint32_t>()));
}

}  // namespace

std::string encode_state_ask(const StateAsk& ask) {
  std::string out;
  append_le(kForm, out);
  append_le(static_cast<std::uint8_t>(ask.what), out);
  append_le(ask.group, out);
  append_le(ask.at_least, out);
  append_le(ask.token, out);
  append_text(ask.after, out);
  append_le(ask.buckets, out);
  append_le(static_cast<std::uint32_t>(ask.keys.size()), out);
  for (const std::string& key : ask.keys) append_text(key, out);
  return out;
}

std::optional<StateAsk> decode_state_ask(std::string_view bytes) {
  ByteReader in(bytes);
  StateAsk ask;
  const auto form = in.number<std::uint8_t>();
  const auto what = in.number<std::uint8_t>();
  ask.what = static_cast<StateAsk::What>(what);
  ask.group = in.number<std::uint32_t>();
  ask.at_least = in.number<std::uint64_t>();
  ask.token = in.number<std::uint64_t>();
  ask.after = text(in);
  ask.buckets = in.number<std::uint32_t>();
  ask.keys.resize(in.count(in.number<std::uint32_t>(), 4));
  for (std::string& key : ask.keys) key = text(in);
  if (!in.done() || form != kForm || what < 1 || what > 4 || ask.keys.size() > kStateKeysMax)
    return std::nullopt;
  return ask;
}

std::string encode_state_opened(const StateOpened& opened) {
  std::string out;
  append_le(opened.token, out);
  append_le(opened.index, out);
  for (const std::uint64_t bucket : opened.buckets) append_le(bucket, out);
  return out;
}

std::optional<StateOpened> decode_state_opened(std::string_view bytes) {
  ByteReader in(bytes);
  StateOpened opened;
  opened.token = in.number<std::uint64_t>();
  opened.index = in.number<std::uint64_t>();
  for (std::uint64_t& bucket : opened.buckets) bucket = in.number<std::uint64_t>();
  if (!in.done()) return std::nullopt;
  return opened;
}

std::string encode_state_page(const StateView::Page& page) {
  std::string out;
  append_le(static_cast<std::uint8_t>(page.more), out);
  append_text(page.last_key, out);
  append_le(static_cast<std::uint32_t>(page.entries.size()), out);
  for (const StateEntry& entry : page.entries) {
    append_text(entry.key, out);
    append_le(entry.word, out);
    append_le(entry.mod_revision, out);
  }
  return out;
}

std::optional<StateView::Page> decode_state_page(std::string_view bytes) {
  ByteReader in(bytes);
  StateView::Page page;
  page.more = in.number<std::uint8_t>() != 0;
  page.last_key = text(in);
  page.entries.resize(in.count(in.number<std::uint32_t>(), 20));
  for (StateEntry& entry : page.entries) {
    entry.key = text(in);
    entry.word = in.number<std::uint64_t>();
    entry.mod_revision = in.number<std::uint64_t>();
  }
  if (!in.done() || (page.more && page.last_key.empty())) return std::nullopt;
  for (std::size_t i = 1; i < page.entries.size(); ++i)
    if (page.entries[i].key <= page.entries[i - 1].key) return std::nullopt;
  if (page.more && !page.entries.empty() && page.entries.back().key > page.last_key)
    return std::nullopt;
  return page;
}

std::string encode_item_records(const std::vector<ItemRecord>& records) {
  std::string out;
  append_le(static_cast<std::uint32_t>(records.size()), out);
  for (const ItemRecord& record : records) {
    append_text(record.key, out);
    append_le(static_cast<std::uint8_t>(record.record.has_value()), out);
    if (record.record) append_text(*record.record, out);
  }
  return out;
}

std::optional<std::vector<ItemRecord>> decode_item_records(std::string_view bytes) {
  ByteReader in(bytes);
  std::vector<ItemRecord> records(in.count(in.number<std::uint32_t>(), 5));
  for (ItemRecord& record : records) {
    record.key = text(in);
    if (in.number<std::uint8_t>() != 0) record.record = text(in);
  }
  if (!in.done()) return std::nullopt;
  return records;
}

std::string encode_comparison(const StateComparison& wish) {
  std::string out;
  append_le(static_cast<std::uint8_t>(wish.metadata), out);
  append_le(wish.partition, out);
  append_le(wish.node, out);
  append_le(static_cast<std::uint8_t>(wish.deep), out);
  append_le(static_cast<std::uint8_t>(wish.heal), out);
  return out;
}

std::optional<StateComparison> decode_comparison(std::string_view bytes) {
  ByteReader in(bytes);
  StateComparison wish;
  wish.metadata = in.number<std::uint8_t>() != 0;
  wish.partition = in.number<std::uint32_t>();
  wish.node = in.number<std::uint64_t>();
  wish.deep = in.number<std::uint8_t>() != 0;
  wish.heal = in.number<std::uint8_t>() != 0;
  if (!in.done()) return std::nullopt;
  return wish;
}

std::string encode_report(const StateReport& report) {
  std::string out;
  append_le(static_cast<std::uint8_t>(report.metadata), out);
  append_le(report.partition, out);
  append_le(report.node, out);
  append_le(report.against, out);
  append_le(report.index, out);
  append_le(report.differing, out);
  append_le(report.healed, out);
  append_le(static_cast<std::uint8_t>(report.quarantined), out);
  append_le(static_cast<std::uint32_t>(report.buckets.size()), out);
  for (const std::uint32_t bucket : report.buckets) append_le(bucket, out);
  append_le(static_cast<std::uint32_t>(report.keys.size()), out);
  for (const StateDifference& one : report.keys) {
    append_text(one.key, out);
    append_le(one.revision, out);
    append_le(one.revision_against, out);
  }
  return out;
}

std::optional<StateReport> decode_report(std::string_view bytes) {
  ByteReader in(bytes);
  StateReport report;
  report.metadata = in.number<std::uint8_t>() != 0;
  report.partition = in.number<std::uint32_t>();
  report.node = in.number<std::uint64_t>();
  report.against = in.number<std::uint64_t>();
  report.index = in.number<std::uint64_t>();
  report.differing = in.number<std::uint64_t>();
  report.healed = in.number<std::uint64_t>();
  report.quarantined = in.number<std::uint8_t>() != 0;
  report.buckets.resize(in.count(in.number<std::uint32_t>(), 4));
  for (std::uint32_t& bucket : report.buckets) bucket = in.number<std::uint32_t>();
  report.keys.resize(in.count(in.number<std::uint32_t>(), 20));
  for (StateDifference& one : report.keys) {
    one.key = text(in);
    one.revision = in.number<std::uint64_t>();
    one.revision_against = in.number<std::uint64_t>();
  }
  if (!in.done()) return std::nullopt;
  return report;
}

}  // namespace cairn::kv
