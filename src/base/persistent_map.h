// PersistentMap: an immutable ordered map; changing it gives a new map that shares all but one path with the old one.
//
// This is what snapshots are made of: a reader keeps its map (one pointer) for as long as it likes while writers go on.
// Find, Set, Erase, LowerBound: O(log n) comparisons; Set and Erase copy O(log n) nodes (an AVL tree: at most 1.44 log2
// n), so V should be cheap to copy (a shared_ptr<const T>). Copying a map: one reference count. Iteration in key order,
// O(1) a step on average. Thread-safety: as an int. Any number of threads may read the same map or maps that share
// nodes; assigning needs a lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace kalamdb {

template <typename K, typename V, typename Compare = std::less<>>
class PersistentMap {
  struct Node;
  using Link = std::shared_ptr<const Node>;

 public:
  using value_type = std::pair<const K, V>;

  PersistentMap() = default;

  size_t size() const { return Size(root_); }
  bool empty() const { return root_ == nullptr; }

  // nullptr if absent; valid as long as any map that holds the entry.
  template <typename Q>
  const V* Find(const Q& key) const {
    const Node* node = root_.get();
    while (node != nullptr) {
      if (Compare()(key, node->entry.first)) {
        node = node->left.get();
      } else if (Compare()(node->entry.first, key)) {
        node = node->right.get();
      } else {
        return &node->entry.second;
      }
    }
    return nullptr;
  }
  template <typename Q>
  bool Contains(const Q& key) const {
    return Find(key) != nullptr;
  }

  // A map that has `key` with `value`, whatever it had before.
  [[nodiscard]] PersistentMap Set(K key, V value) const { return PersistentMap(Insert(root_, key, value)); }

  // A map without `key`; the same map if it has none.
  template <typename Q>
  [[nodiscard]] PersistentMap Erase(const Q& key) const {
    return Contains(key) ? PersistentMap(Remove(root_, key)) : *this;
  }

  // In key order. Valid as long as the map it came from (not a temporary) is there and not assigned to.
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = PersistentMap::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    Iterator() = default;
    reference operator*() const { return path_.back()->entry; }
    pointer operator->() const { return &path_.back()->entry; }
    Iterator& operator++() {
      const Node* node = path_.back()->right.get();
      path_.pop_back();
      Descend(node);
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.path_.empty() || b.path_.empty() ? a.path_.empty() == b.path_.empty() : a.path_.back() == b.path_.back();
    }

   private:
    friend class PersistentMap;
    void Descend(const Node* node) {
      for (; node != nullptr; node = node->left.get()) path_.push_back(node);
    }
    std::vector<const Node*> path_;  // the node it stands on, and those above that come later
  };

  Iterator begin() const {
    Iterator it;
    it.Descend(root_.get());
    return it;
  }
  Iterator end() const { return {}; }

  // The first entry whose key is not less than `key`.
  template <typename Q>
  Iterator LowerBound(const Q& key) const {
    Iterator it;
    const Node* node = root_.get();
    while (node != nullptr) {
      if (Compare()(node->entry.first, key)) {
        node = node->right.get();
      } else {
        it.path_.push_back(node);
        node = node->left.get();
      }
    }
    return it;
  }

  // True if both are the same tree: then nothing has changed between them. (False says nothing.)
  bool SharesRootWith(const PersistentMap& other) const { return root_ == other.root_; }

 private:
  struct Node {
    Node(value_type e, Link l, Link r)
        : entry(std::move(e)),
          left(std::move(l)),
          right(std::move(r)),
          size(Size(left) + Size(right) + 1),
          height(std::max(Height(left), Height(right)) + 1) {}
    const value_type entry;
    const Link left;
    const Link right;
    const size_t size;
    const int height;
  };

  explicit PersistentMap(Link root) : root_(std::move(root)) {}

  static size_t Size(const Link& link) { return link == nullptr ? 0 : link->size; }
  static int Height(const Link& link) { return link == nullptr ? 0 : link->height; }
  static Link Make(value_type entry, Link left, Link right) {
    return std::make_shared<const Node>(std::move(entry), std::move(left), std::move(right));
  }

  // A balanced tree of the two and the entry between them. REQUIRES: each is balanced, heights differ by at most 2.
  static Link Balance(const value_type& entry, const Link& left, const Link& right) {
    if (Height(left) > Height(right) + 1) {
      if (Height(left->left) >= Height(left->right)) {
        return Make(left->entry, left->left, Make(entry, left->right, right));
      }
      const Link& middle = left->right;
      return Make(middle->entry, Make(left->entry, left->left, middle->left), Make(entry, middle->right, right));
    }
    if (Height(right) > Height(left) + 1) {
      if (Height(right->right) >= Height(right->left)) {
        return Make(right->entry, Make(entry, left, right->left), right->right);
      }
      const Link& middle = right->left;
      return Make(middle->entry, Make(entry, left, middle->left), Make(right->entry, middle->right, right->right));
    }
    return Make(entry, left, right);
  }

  static Link Insert(const Link& link, K& key, V& value) {
    if (link == nullptr) return Make(value_type(std::move(key), std::move(value)), nullptr, nullptr);
    if (Compare()(key, link->entry.first)) return Balance(link->entry, Insert(link->left, key, value), link->right);
    if (Compare()(link->entry.first, key)) return Balance(link->entry, link->left, Insert(link->right, key, value));
    return Make(value_type(std::move(key), std::move(value)), link->left, link->right);
  }

  // REQUIRES: the key is in the tree.
  template <typename Q>
  static Link Remove(const Link& link, const Q& key) {
    if (Compare()(key, link->entry.first)) return Balance(link->entry, Remove(link->left, key), link->right);
    if (Compare()(link->entry.first, key)) return Balance(link->entry, link->left, Remove(link->right, key));
    if (link->left == nullptr) return link->right;
    if (link->right == nullptr) return link->left;
    const Node* successor = link->right.get();
    while (successor->left != nullptr) successor = successor->left.get();
    return Balance(successor->entry, link->left, RemoveFirst(link->right));
  }
  static Link RemoveFirst(const Link& link) {
    return link->left == nullptr ? link->right : Balance(link->entry, RemoveFirst(link->left), link->right);
  }

  Link root_;
};

}  // namespace kalamdb
