#include "kv/node/scans.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "kv/range.h"

namespace cairn::kv {
namespace {

constexpr std::uint32_t kListMax = 10'000;
constexpr std::size_t kResultBytesMax = 8u << 20;  // of one answer, whatever its limit says
constexpr std::size_t kPageBytesMin = 64u << 10;   // of one partition's part of it
constexpr std::size_t kCursorMax = 16u << 10;
constexpr char kCursorVersion = '1';
constexpr char kHex[] = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string encode_cursor(const ScanCursor& cursor) {
  std::string text(1, kCursorVersion);
  text += std::to_string(cursor.partition);
  text += '-';
  for (const char c : cursor.key) {
    text += kHex[static_cast<unsigned char>(c) >> 4];
    text += kHex[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::optional<ScanCursor> decode_cursor(std::string_view text) {
  if (text.size() > kCursorMax || text.empty() || text.front() != kCursorVersion)
    return std::nullopt;
  text.remove_prefix(1);
  ScanCursor cursor;
  const std::size_t dash = text.find('-');
  if (dash == 0 || dash > 6 || dash == std::string_view::npos) return std::nullopt;
  for (const char c : text.substr(0, dash)) {
    if (c < '0' || c > '9') return std::nullopt;
    cursor.partition = cursor.partition * 10 + static_cast<std::uint32_t>(c - '0');
  }
  text.remove_prefix(dash + 1);
  if (text.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    cursor.key += static_cast<char>(high * 16 + low);
  }
  return cursor;
}

Result<EngineView::Range> range_of(const ScanOptions& options) {
  if (options.limit < 1 || options.limit > kListMax)
    return Error(Errc::kBadRequest, "limit must be 1 to 10000");
  if (!options.prefix.empty() && (!options.start.empty() || !options.end.empty()))
    return Error(Errc::kBadRequest, "prefix and start/end exclude each other");
  EngineView::Range range;
  range.start = options.prefix.empty() ? options.start : options.prefix;
  range.end = options.prefix.empty() ? options.end : prefix_end(options.prefix);
  range.limit = options.limit;
  range.reverse = options.reverse;
  range.keys_only = options.keys_only;
  range.count_only = options.count_only;
  if (options.cursor.empty()) return range;
  const auto cursor = decode_cursor(options.cursor);
  if (!cursor) return Error(Errc::kBadRequest, "cursor is not one of this store's");
  const bool inside = !cursor->key.empty() && cursor->key >= range.start &&
                      (range.end.empty() || cursor->key < range.end);
  if (!inside) return Error(Errc::kBadRequest, "cursor belongs to another range");
  if (options.reverse)
    range.end = cursor->key;
  else
    range.start = cursor->key + '\0';
  return range;
}

boost::system::result<EngineView::Page> scan_fully(const EngineView& view, raft::GroupId group,
                                                   EngineView::Range range) {
  if (!range.count_only) return view.scan(group, range);
  EngineView::Page total;
  range.limit = kListMax;
  for (;;) {
    auto page = view.scan(group, range);
    if (!page) return page;
    total.count += page->count;
    if (!page->more) return total;
    if (range.reverse)
      range.end = page->last_key;
    else
      range.start = page->last_key + '\0';
  }
}

ScanResult merge_pages(const ScanOptions& options, std::vector<PageReply> pages) {
  ScanResult result;
  const auto before = [&](const std::string& a, const std::string& b) {
    return options.reverse ? b < a : a < b;
  };
  // A page that was cut short says nothing about keys beyond its last one.
  std::optional<std::string> horizon;
  std::vector<Item> all;
  for (PageReply& reply : pages) {
    result.revision = std::max(result.revision, reply.revision);
    result.count += reply.page.count;
    if (reply.page.more && (!horizon || before(reply.page.last_key, *horizon)))
      horizon = reply.page.last_key;
    std::move(reply.page.items.begin(), reply.page.items.end(), std::back_inserter(all));
  }
  if (options.count_only) return result;
  std::sort(all.begin(), all.end(),
            [&](const Item& a, const Item& b) { return before(a.key, b.key); });
  bool more = horizon.has_value();
  std::size_t bytes = 0;
  for (Item& item : all) {
    if (result.items.size() >= options.limit || bytes > kResultBytesMax ||
        (horizon && before(*horizon, item.key))) {
      more = true;
      break;
    }
    bytes += item.key.size() + item.value.size();
    result.items.push_back(std::move(item));
  }
  // (A page that is cut short has an item; if a peer's has none, its last key still goes on.)
  if (more && !result.items.empty())
    result.next = encode_cursor({0, result.items.back().key});
  else if (horizon && !horizon->empty())
    result.next = encode_cursor({0, *horizon});
  result.count = result.items.size();
  return result;
}

void scan_groups(const std::vector<raft::GroupId>& groups, ScanOptions options,
                 const PageSource& source, Callback<ScanResult> done) {
  auto range = range_of(options);
  if (!range) {
    done(range.error());
    return;
  }
  struct Job {
    ScanOptions options;
    std::vector<PageReply> pages;
    std::size_t missing = 0;
    bool ended = false;
    Callback<ScanResult> done;
  };
  // What all partitions may answer together is bounded, however many there are.
  const std::size_t share = 2 * kResultBytesMax / std::max<std::size_t>(groups.size(), 1);
  range->bytes_max = std::clamp<std::size_t>(share, kPageBytesMin, range->bytes_max);
  auto job = std::make_shared<Job>();
  job->options = std::move(options);
  job->missing = groups.size();
  job->done = std::move(done);
  for (const raft::GroupId group : groups) {
    source(group, *range, [job](Result<PageReply> reply) {
      if (job->ended) return;
      if (!reply) {
        job->ended = true;
        job->done(reply.error());
        return;
      }
      job->pages.push_back(std::move(*reply));
      if (--job->missing == 0) {
        job->ended = true;
        job->done(merge_pages(job->options, std::move(job->pages)));
      }
    });
  }
}

}  // namespace cairn::kv
