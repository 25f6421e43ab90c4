"""The only way data about people leaves: asked by one, approved by others, sealed to one."""
