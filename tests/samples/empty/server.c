/* Handed in, and not begun. */
int main(void)
{
    return 0;
}
