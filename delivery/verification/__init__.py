"""What `verify` looks at, a module for each subject: functions that say what is wrong and how it is mended.

They only read. None looks at a value or a secret, and none sends anything.
"""
