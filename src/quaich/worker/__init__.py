"""What runs after the fork: the epoll loop, its threads, its connections and limits."""
