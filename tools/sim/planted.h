// The bugs that were planted into this build: none, but in the copy of the sources that
// tests/sim/plant.py makes, where it writes its own planted.cc.
#pragma once

#include <span>
#include <string_view>

namespace cairn::sim_tool {

struct PlantedBug {
  const char* name;
  const char* hazard;
  const char* what;  // one sentence
  const char* run;  // what a seed's run is drawn from: "profile=NAME", and whatever else narrows it
  unsigned within;  // seeds, from 1, of which at least one must catch it
};

[[nodiscard]] std::span<const PlantedBug> planted_bugs();
/// Turns one on for the rest of the process, "" none.
void plant(std::string_view name);

}  // namespace cairn::sim_tool
