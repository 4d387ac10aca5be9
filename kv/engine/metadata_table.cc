#include "kv/engine/metadata_table.h"

#include <algorithm>
#include <new>

#include "kv/engine/hash.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kBucketsMin = 64;
constexpr std::size_t kAllocationOverhead = 16;

std::uint64_t hash_of(raft::GroupId group, std::uint64_t generation, std::string_view key) {
  return hash64(key, (static_cast<std::uint64_t>(group) << 32) ^ generation);
}

}  // namespace

std::string_view MetadataTable::Entry::key() const {
  return {reinterpret_cast<const char*>(this + 1), key_size};
}

bool MetadataTable::Entry::is(std::uint64_t h, raft::GroupId g, std::uint64_t gen,
                              std::string_view k) const {
  return hash == h && group == g && generation == gen && key() == k;
}

MetadataTable::MetadataTable(std::size_t bytes_max)
    : bytes_max_(bytes_max), buckets_(kBucketsMin, nullptr) {}

MetadataTable::~MetadataTable() {
  while (hand_ != nullptr) evict(hand_);
}

std::size_t MetadataTable::cost(const Entry& entry) {
  return sizeof(Entry) + entry.key_size + kAllocationOverhead + sizeof(Entry*);
}

std::uint64_t MetadataTable::fetch_bucket(raft::GroupId group, std::uint64_t generation,
                                          std::string_view key) const {
  const std::uint64_t hash = hash_of(group, generation, key);
  __builtin_prefetch(&buckets_[hash & (buckets_.size() - 1)]);
  return hash;
}

void MetadataTable::fetch_entry(std::uint64_t hash) const {
  const Entry* const entry = buckets_[hash & (buckets_.size() - 1)];
  if (entry == nullptr) return;
  __builtin_prefetch(&entry->hash, 1);
  __builtin_prefetch(entry + 1, 1);
}

MetadataTable::Entry* MetadataTable::find(raft::GroupId group, std::uint64_t generation,
                                          std::string_view key) {
  const std::uint64_t hash = hash_of(group, generation, key);
  Entry* entry = buckets_[hash & (buckets_.size() - 1)];
  while (entry != nullptr && !entry->is(hash, group, generation, key)) entry = entry->chain;
  if (entry != nullptr) entry->used = 1;
  return entry;
}

MetadataTable::Entry& MetadataTable::add(raft::GroupId group, std::uint64_t generation,
                                         std::string_view key) {
  if (size_ >= buckets_.size()) grow();
  void* memory = ::operator new(sizeof(Entry) + key.size());
  Entry* entry = new (memory) Entry;
  std::copy(key.begin(), key.end(), reinterpret_cast<char*>(entry + 1));
  entry->hash = hash_of(group, generation, key);
  entry->group = group;
  entry->generation = generation;
  entry->key_size = static_cast<std::uint32_t>(key.size());
  Entry*& bucket = buckets_[entry->hash & (buckets_.size() - 1)];
  entry->chain = bucket;
  bucket = entry;
  if (hand_ == nullptr) {
    entry->before = entry->after = hand_ = entry;
  } else {  // farthest from the hand
    entry->after = hand_;
    entry->before = hand_->before;
    entry->before->after = entry;
    hand_->before = entry;
  }
  ++size_;
  bytes_ += cost(*entry);
  return *entry;
}

void MetadataTable::trim() {
  while (bytes_ > bytes_max_ && hand_ != nullptr) {
    if (hand_->used) {
      hand_->used = 0;
      hand_ = hand_->after;
    } else {
      evict(hand_);
    }
  }
}

void MetadataTable::forget(raft::GroupId group, std::uint64_t generation) {
  Entry* entry = hand_;
  for (std::size_t left = size_; left > 0; --left) {
    Entry* const after = entry->after;
    if (entry->group == group && entry->generation == generation) evict(entry);
    entry = after;
  }
}

void MetadataTable::forget(raft::GroupId group, std::uint64_t generation, std::string_view key) {
  if (Entry* const entry = find(group, generation, key)) evict(entry);
}

void MetadataTable::evict(Entry* entry) {
  Entry** link = &buckets_[entry->hash & (buckets_.size() - 1)];
  while (*link != entry) link = &(*link)->chain;
  *link = entry->chain;
  if (entry->after == entry) {
    hand_ = nullptr;
  } else {
    entry->before->after = entry->after;
    entry->after->before = entry->before;
    if (hand_ == entry) hand_ = entry->after;
  }
  --size_;
  bytes_ -= cost(*entry);
  entry->~Entry();
  ::operator delete(entry);
}

void MetadataTable::grow() {
  std::vector<Entry*> wider(buckets_.size() * 2, nullptr);
  for (Entry* entry : buckets_) {
    while (entry != nullptr) {
      Entry* const next = entry->chain;
      Entry*& bucket = wider[entry->hash & (wider.size() - 1)];
      entry->chain = bucket;
      bucket = entry;
      entry = next;
    }
  }
  buckets_.swap(wider);
}

}  // namespace cairn::kv
