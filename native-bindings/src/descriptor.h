#ifndef MULTIHOMED_DESCRIPTOR_H_
#define MULTIHOMED_DESCRIPTOR_H_

#include <unistd.h>

namespace multihomed {

// Owns a file descriptor until it is released or goes out of scope.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

  void Reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

}  // namespace multihomed

#endif  // MULTIHOMED_DESCRIPTOR_H_
