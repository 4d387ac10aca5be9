#include "kv/node/state_views.h"

#include <utility>

namespace cairn::kv {
namespace {

constexpr std::size_t kViewsMax = 4;
constexpr std::size_t kPageBytes = 1u << 20;     // visited
constexpr std::size_t kRecordsBytes = 1u << 20;  // given out; one more may pass it
constexpr Micros kStandstill = std::chrono::seconds{30};

Error gone() {
  return Error(Errc::kTimeout, "the comparison is not under way any more: begin anew");
}

Error unreadable(const boost::system::error_code& code) {
  return Error(Errc::kIo, "the engine could not be read: " + code.message());
}

/// As many as fit, in their order: the rest is asked for again.
boost::system::result<std::string> read_records(const StateView& view,
                                                const std::vector<std::string>& keys) {
  std::vector<ItemRecord> records;
  std::size_t bytes = 0;
  for (const std::string& key : keys) {
    if (bytes > kRecordsBytes) break;
    auto record = view.record(key);
    if (!record) return record.error();
    bytes += key.size() + (*record ? (*record)->size() : 0);
    records.push_back({key, std::move(*record)});
  }
  return encode_item_records(records);
}

}  // namespace

void StateViews::serve(NodeNumber from, const StateAsk& ask, Micros deadline,
                       Callback<std::string> done) {
  if (ask.what == StateAsk::What::kOpen) {
    Replica* const here = host_.replica(ask.group);
    if (here == nullptr || !here->serves())
      return done(Error(Errc::kNoLeader, "the asked node does not lead the partition"));
    if (views_.size() >= kViewsMax)
      return done(Error(Errc::kOverloaded, "too many comparisons read from this node"));
    here->await_applied(ask.at_least, deadline,
                        [this, from, group = ask.group, done](BarrierResult result) {
                          if (result != BarrierResult::kOk) return done(gone());
                          open(from, group, done);
                        });
    return;
  }
  const auto found = views_.find(ask.token);
  if (found == views_.end() || found->second->from != from || found->second->busy)
    return done(gone());
  if (ask.what == StateAsk::What::kClose) {
    views_.erase(found);
    return done(std::string());
  }
  const std::shared_ptr<Served> served = found->second;
  if (ask.what == StateAsk::What::kRecords)
    return read(
        served, [keys = ask.keys](StateView& view) { return read_records(view, keys); },
        std::move(done));
  StateView::Range range;
  range.after = ask.after;
  range.buckets = ask.buckets;
  range.bytes_max = kPageBytes;
  read(
      served,
      [range](StateView& view) -> boost::system::result<std::string> {
        const auto page = view.page(range);
        if (!page) return page.error();
        return encode_state_page(*page);
      },
      std::move(done));
}

void StateViews::open(NodeNumber from, raft::GroupId group, const Callback<std::string>& done) {
  using Taken = boost::system::result<std::unique_ptr<StateView>>;
  auto taken = std::make_shared<Taken>(boost::system::error_code(EngineError::kNoGroup));
  host_.on_read(
      [engine = host_.shared_engine(), group, taken] { *taken = engine->state_view(group); },
      [this, from, taken, done] {
        if (!*taken) return done(unreadable(taken->error()));
        if (views_.size() >= kViewsMax) return done(gone());
        auto served = std::make_shared<Served>();
        served->from = from;
        served->view = std::move(**taken);
        served->used = host_.now();
        const StateOpened opened{++last_, served->view->applied(), served->view->buckets()};
        views_.emplace(opened.token, std::move(served));
        done(encode_state_opened(opened));
      });
}

void StateViews::read(const std::shared_ptr<Served>& self,
                      std::function<boost::system::result<std::string>(StateView&)> work,
                      Callback<std::string> done) {
  self->busy = true;
  self->used = host_.now();
  auto result = std::make_shared<boost::system::result<std::string>>(std::string());
  host_.on_read([self, work = std::move(work), result] { *result = work(*self->view); },
                [this, self, result, done = std::move(done)] {
                  self->busy = false;
                  self->used = host_.now();
                  if (*result)
                    done(std::move(**result));
                  else
                    done(unreadable(result->error()));
                });
}

void StateViews::tick() {
  const Micros late = host_.now() - kStandstill;
  std::erase_if(views_, [&](const auto& v) { return !v.second->busy && v.second->used < late; });
}

}  // namespace cairn::kv
