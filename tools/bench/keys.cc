#include "tools/bench/keys.h"

namespace cairn::tools::bench {

KeyChooser::KeyChooser(Distribution distribution, std::uint64_t keys, std::uint64_t first_insert,
                       std::uint64_t step)
    : distribution_(distribution),
      keys_(keys),
      first_insert_(first_insert),
      next_insert_(first_insert),
      step_(step),
      zipf_(keys) {
  if (distribution == Distribution::kLatest) ages_.emplace(keys);
}

std::uint64_t KeyChooser::to_put(Random& random) {
  if (distribution_ != Distribution::kLatest) return to_read(random);
  newest_ = (newest_ + 1) % keys_;
  return newest_;
}

std::uint64_t KeyChooser::to_read(Random& random) {
  switch (distribution_) {
    case Distribution::kUniform:
      return random.below(keys_);
    case Distribution::kZipfian:
      return zipf_.next(random);
    case Distribution::kLatest:
      break;
  }
  return latest(random);
}

std::uint64_t KeyChooser::latest(Random& random) {
  const std::uint64_t age = ages_->next(random);
  if (age < inserted_) return first_insert_ + (inserted_ - 1 - age) * step_;
  return (newest_ + keys_ - (age - inserted_)) % keys_;
}

std::uint64_t KeyChooser::to_insert() {
  const std::uint64_t key = next_insert_;
  next_insert_ += step_;
  later_.push_back(false);
  return key;
}

void KeyChooser::insert_ended(std::uint64_t key) {
  later_[(key - first_insert_) / step_ - inserted_] = true;
  while (!later_.empty() && later_.front()) {
    later_.pop_front();
    ++inserted_;
  }
}

void append_key(std::string& out, std::uint64_t key, std::size_t size) {
  out += 'k';
  out.append(size - 1, '0');
  for (std::size_t at = out.size(); key != 0; key /= 10) {
    out[--at] = static_cast<char>('0' + key % 10);
  }
}

std::size_t key_size_min(std::uint64_t keys) {
  return 1 + std::to_string(keys - 1).size();
}

}  // namespace cairn::tools::bench
