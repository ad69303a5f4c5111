"""Do the paper's trends hold? One training, five fresh corpora, paired differences with intervals (`make trend`)."""
