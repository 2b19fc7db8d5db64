"""Where large blobs lie: objects with a name of their own, written once.

An object's name is random and chosen before its first byte comes, so finishing an upload neither
copies nor renames, and two pushes of one blob cannot harm each other. Which digest an object holds
is the database's to say; `blobstore` and `db` do not know each other.
"""
