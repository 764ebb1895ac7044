"""From the model to Envoy messages, their names and their bytes.

Belongs here: how something is said in Envoy's terms, and nothing about what users meant. Large resources are joined
from the bytes of their parts, so that a change costs what it changes: repeated fields of a message concatenate on the
wire (protobuf encoding, "Message Structure"). Output is a function of content: the same model, the same bytes.
"""
