"""Knowledge pages: models come with the app's first screens."""
