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

std::uint64_t MetadataTable::Entry::hash() const {
  return hash_of(group, generation, key());
}

bool MetadataTable::Entry::is(raft::GroupId g, std::uint64_t gen, std::string_view k) const {
  return group == g && generation == gen && key() == k;
}

MetadataTable::MetadataTable(std::size_t bytes_max)
    : bytes_max_(bytes_max), buckets_(kBucketsMin, nullptr) {}

MetadataTable::~MetadataTable() {
  while (newest_ != nullptr) evict_after(newest_);
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
  __builtin_prefetch(&entry->chain, 1);
  __builtin_prefetch(entry + 1, 1);
}

MetadataTable::Entry* MetadataTable::find(raft::GroupId group, std::uint64_t generation,
                                          std::string_view key) {
  const std::uint64_t hash = hash_of(group, generation, key);
  Entry* entry = buckets_[hash & (buckets_.size() - 1)];
  while (entry != nullptr && !entry->is(group, generation, key)) entry = entry->chain;
  if (entry != nullptr) entry->used = 1;
  return entry;
}

MetadataTable::Entry& MetadataTable::add(raft::GroupId group, std::uint64_t generation,
                                         std::string_view key) {
  if (size_ >= buckets_.size()) grow();
  void* memory = ::operator new(sizeof(Entry) + key.size());
  Entry* entry = new (memory) Entry;
  std::copy(key.begin(), key.end(), reinterpret_cast<char*>(entry + 1));
  entry->group = group;
  entry->generation = generation;
  entry->key_size = static_cast<std::uint32_t>(key.size());
  Entry*& bucket = buckets_[hash_of(group, generation, key) & (buckets_.size() - 1)];
  entry->chain = bucket;
  bucket = entry;
  entry->after = newest_ == nullptr ? entry : newest_->after;
  if (newest_ != nullptr) newest_->after = entry;
  newest_ = entry;  // farthest from the hand
  ++size_;
  bytes_ += cost(*entry);
  return *entry;
}

void MetadataTable::trim() {
  while (bytes_ > bytes_max_ && newest_ != nullptr) {
    Entry* const hand = newest_->after;
    if (hand->used) {
      hand->used = 0;
      newest_ = hand;
    } else {
      evict_after(newest_);
    }
  }
}

void MetadataTable::forget(raft::GroupId group, std::uint64_t generation) {
  Entry* before = newest_;
  for (std::size_t left = size_; left > 0; --left) {
    const Entry* const entry = before->after;
    if (entry->group == group && entry->generation == generation)
      evict_after(before);
    else
      before = before->after;
  }
}

void MetadataTable::forget(raft::GroupId group, std::uint64_t generation, std::string_view key) {
  Entry* const gone = find(group, generation, key);
  if (gone == nullptr) return;
  leave_bucket(gone);
  gone->used = 0;  // the memory goes when the hand comes by
}

void MetadataTable::leave_bucket(Entry* entry) {
  Entry** link = &buckets_[entry->hash() & (buckets_.size() - 1)];
  while (*link != entry) link = &(*link)->chain;
  *link = entry->chain;
  entry->chain = entry;  // in none
}

void MetadataTable::evict_after(Entry* before) {
  Entry* const entry = before->after;
  if (entry->chain != entry) leave_bucket(entry);
  before->after = entry->after;
  if (entry == newest_) newest_ = entry == before ? nullptr : before;
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
      Entry*& bucket = wider[entry->hash() & (wider.size() - 1)];
      entry->chain = bucket;
      bucket = entry;
      entry = next;
    }
  }
  buckets_.swap(wider);
}

}  // namespace cairn::kv
