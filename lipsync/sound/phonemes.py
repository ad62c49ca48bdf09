CLASSES = ("sil", "p", "m", "f", "w", "sh", "s", "t", "n", "l", "r", "k", "h", "th", "j", "i", "e", "eh", "a", "aa", "ax", "ao", "o", "u", "y", "ih2")
