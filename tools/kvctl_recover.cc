// kvctl recover: a cluster whose quorum is lost for good goes on with what survived.
#include <boost/json.hpp>
#include <cinttypes>
#include <cstdio>

#include "kv/offline/recover.h"
#include "tools/kvctl.h"
#include "tools/lib/text_table.h"
#include "wal/posix_file_system.h"

namespace cairn::tools::ctl {
namespace {

using Kind = Setting::Kind;

std::string joined(const std::vector<kv::NodeNumber>& nodes) {
  std::string text;
  for (const kv::NodeNumber node : nodes) text += (text.empty() ? "" : ", ") + std::to_string(node);
  return text.empty() ? "none" : text;
}

std::string part_name(std::uint32_t group) {
  return group == 0 ? "metadata" : std::to_string(group - 1);
}

std::string keys_of(const kv::RecoveredPart& part) {
  std::string text;
  for (const std::string& key : part.last_keys)
    text += (text.empty() ? "" : " ") + boost::json::serialize(boost::json::string(key));
  return text;
}

std::string as_json(const kv::Recovery& recovery, bool done) {
  boost::json::object out;
  boost::json::array survivors, dead, parts;
  for (const kv::NodeNumber node : recovery.survivors) survivors.emplace_back(node);
  for (const kv::NodeNumber node : recovery.dead) dead.emplace_back(node);
  for (const kv::RecoveredPart& p : recovery.parts) {
    boost::json::array keys;
    for (const std::string& key : p.last_keys) keys.emplace_back(key);
    parts.push_back(boost::json::object{{"partition", part_name(p.group)},
                                        {"survivor", p.survivor},
                                        {"last", std::to_string(p.last)},
                                        {"term", std::to_string(p.last_term)},
                                        {"committed", std::to_string(p.commit)},
                                        {"last_keys", std::move(keys)}});
  }
  out["done"] = done;
  out["epoch"] = std::to_string(recovery.epoch);
  out["survivors"] = std::move(survivors);
  out["dead"] = std::move(dead);
  out["partitions"] = std::move(parts);
  return boost::json::serialize(out) + "\n";
}

std::string as_text(const kv::Recovery& recovery, bool done) {
  TextTable table({"PARTITION", "FROM NODE", "LOG UP TO", "TERM", "KNOWN COMMITTED", "LAST KEYS"});
  for (const kv::RecoveredPart& p : recovery.parts)
    table.add({part_name(p.group), std::to_string(p.survivor), std::to_string(p.last),
               std::to_string(p.last_term), std::to_string(p.commit), keys_of(p)});
  std::string text = table.text();
  text +=
      "survivors: " + joined(recovery.survivors) + "; given up: " + joined(recovery.dead) + "\n";
  text +=
      "Lost is whatever the others committed above LOG UP TO. What stands between KNOWN COMMITTED "
      "and\nthere is kept, though it may never have been acknowledged.\n";
  if (done)
    return text + "done: start the survivors. The others are fenced from epoch " +
           std::to_string(recovery.epoch) +
           " on;\nnever start their directories again: they could make a cluster of their own.\n";
  return text +
         "Nothing was changed. With --yes the survivors go on without the others, for good.\n";
}

int recover(const Context& context) {
  const bool yes = context.settings.on("yes");
  const auto dirs = context.settings.list("survivor");
  if (dirs.empty()) return fail(kUsage, "--survivor DIR is missing; see kvctl recover --help");
  wal::PosixFileSystem files;
  const auto recovery = kv::recover(files, dirs, yes);
  if (!recovery) return fail(kRefused, recovery.error().message());
  const bool written =
      print(context.output == Output::kTable ? as_text(*recovery, yes) : as_json(*recovery, yes));
  return written ? kDone : kRefused;
}

}  // namespace

Verb recover_verb() {
  return {"recover",
          "",
          "go on without members that are lost for good",
          "kvctl recover --survivor n3",
          0,
          0,
          {{.name = "survivor",
            .kind = Kind::kList,
            .argument = "DIR,...",
            .help = "all directories that survived, of stopped nodes",
            .flag_only = true},
           {.name = "yes",
            .kind = Kind::kSwitch,
            .help = "do it; without, only say what may be lost",
            .flag_only = true}},
          recover};
}

}  // namespace cairn::tools::ctl
