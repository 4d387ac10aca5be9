// A run as text, a line an event: what kvsim --trace writes.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>

#include "kv/sim/observer.h"

namespace cairn::kv::sim {

class TextTrace final : public Observer {
 public:
  using Sink = std::function<void(const std::string& line)>;
  explicit TextTrace(Sink sink) : sink_(std::move(sink)) {}

  void on_node(const NodeEvent& event) override;
  void on_group(const GroupEvent& event) override;
  void on_sent(const FrameSent& event) override;
  void on_ended(const FrameEnded& event) override;
  void on_committed(const EntriesCommitted& event) override;
  void on_installed(const SnapshotInstalled& event) override;
  void on_client(const ClientEvent& event) override;
  void on_fault(const FaultEvent& event) override;
  void on_failure(Time at, std::string_view what) override;

 private:
  void line(Time at, const std::string& text);
  Sink sink_;
};

}  // namespace cairn::kv::sim
