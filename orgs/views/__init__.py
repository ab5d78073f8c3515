"""Pages about an organization itself: the way in, its settings, its members, invitations."""
